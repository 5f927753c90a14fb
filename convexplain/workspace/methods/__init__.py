"""The methods of the workspace, by what they are about; `workspace.AsyncWorkspace` has them all."""
