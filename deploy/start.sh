#!/bin/sh
# Start the dashboard with the secrets that lie in files (of Docker, Kubernetes, systemd …), so that no password is in
# a compose file, a command line or the description of the container.
set -eu
secrets=${SECRETS:-/run/secrets}

secret() { # NAME VARIABLE: sets the variable from the file, where there is one
    if [ -f "$secrets/$1" ]; then
        export "$2=$(cat "$secrets/$1")"
    fi
}

secret admin_password CONVEXPLAIN_DASHBOARD_PASSWORD
secret review_password CONVEXPLAIN_DASHBOARD_REVIEW_PASSWORD
secret database_password PGPASSWORD
secret judge_key CONVEXPLAIN_API_KEY
exec convexplain dashboard --host "${HOST:-0.0.0.0}" --port "${PORT:-8501}"
