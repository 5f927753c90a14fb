"""Colours and type of the pages: one accent, and one diverging scale whose signs are always shown as marks too."""

ACCENT = "light-dark(#14608f, #6db3dd)"
LOW = "light-dark(#a34a17, #e8955c)"
"""Colour of scores below their threshold; a mark shows the same."""

SOFT = "light-dark(#545d66, #a9b2ba)"
"""Colour of remarks. A colour and no opacity, which would weaken what is marked inside of a remark too."""

TEXT = "light-dark(#1d2329, #e4e8ec)"
"""Colour of text on shading, also inside of a remark."""

CSS = f"""<style>
.stApp {{ --cx-accent: {ACCENT}; --cx-low: {LOW}; --cx-soft: {SOFT}; --cx-line: rgba(128, 138, 148, .32);
  --cx-up: 47, 120, 196; --cx-down: 217, 104, 28; }}
.cx {{ line-height: 1.45; overflow-wrap: anywhere; }}
.cx-text {{ white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }}
.cx-soft {{ color: var(--cx-soft); font-size: .86em; }}
[data-testid="stCaptionContainer"] {{ opacity: 1; }}
[data-testid="stCaptionContainer"] p {{ color: var(--cx-soft); }}
button[data-selected="true"] p, [role="tab"][aria-selected="true"] p {{ color: var(--cx-accent); }}
.cx-turn {{ border-left: 3px solid var(--cx-line); padding: .15em .8em .35em; margin: .1em 0; max-width: 46em; }}
.cx-turn.user {{ background: rgba(128, 138, 148, .13); border-radius: .6em; border-left-color: transparent; }}
.cx-turn.tool, .cx-turn.system {{ font-size: .93em; }}
.cx-turn.chosen {{ border-color: var(--cx-accent); background: rgba(128, 138, 148, .1); }}
.cx-head .who {{ font-size: .8em; color: var(--cx-soft); margin-right: .6em; }}
[class*="st-key-cxturn-user"] {{ padding-left: clamp(0em, 8%, 5em); }}
.cx-md {{ white-space: normal; }}
.cx-md p, .cx-md ul, .cx-md ol, .cx-md pre, .cx-md table, .cx-md blockquote {{ margin: .35em 0; }}
.cx-md ul, .cx-md ol {{ padding-left: 1.5em; }}
.cx-md .cx-h {{ font-weight: 600; }}
.cx-md pre {{ white-space: pre-wrap; overflow-wrap: anywhere; padding: .5em .7em; border-radius: 4px;
  background: rgba(128, 138, 148, .14); font-size: .88em; }}
.cx-md code {{ font-family: monospace; color: inherit; background: rgba(128, 138, 148, .14); padding: 0; }}
.cx-md pre code {{ background: none; }}
.cx-md table {{ border-collapse: collapse; font-size: .95em; }}
.cx-md th, .cx-md td {{ border: 1px solid var(--cx-line); padding: .15em .5em; vertical-align: top; }}
.cx-md blockquote {{ border-left: 3px solid var(--cx-line); padding-left: .8em; }}
.cx summary {{ cursor: pointer; font-size: .86em; color: var(--cx-soft); }}
.cx-fold:not([open]) + .cx-text {{ max-height: 14em; overflow: hidden;
  -webkit-mask-image: linear-gradient(#000 75%, transparent); mask-image: linear-gradient(#000 75%, transparent); }}
.cx-headline {{ font-size: 1.12em; font-weight: 600; margin: 0 0 .4em; }}
.cx-finding p.cx-soft {{ margin: .3em 0 0; }}
.cx-list {{ margin: .2em 0; padding-left: 1.2em; }}
.cx-list a {{ color: var(--cx-accent); }}
.cx-grid {{ display: grid; grid-template-columns: minmax(7em, 1.6fr) 3.6em 3.6em minmax(5em, 1.4fr); gap: .15em .8em;
  align-items: baseline; font-size: .92em; font-variant-numeric: tabular-nums; }}
.cx-verdicts {{ grid-template-columns: minmax(8em, 1.4fr) 7em minmax(10em, 2fr) minmax(7em, 1fr); max-width: 76em; }}
.cx-score.low {{ color: var(--cx-low); font-weight: 600; }}
.cx-chip {{ display: inline-block; font-size: .78em; padding: 0 .45em; margin: 0 .3em .1em 0; border-radius: 3px;
  border: 1px solid var(--cx-line); font-variant-numeric: tabular-nums; white-space: nowrap; }}
.cx-trust {{ border-left: 3px solid var(--cx-accent); padding-left: .8em; font-size: .9em; max-width: 70em; }}
.cx-trust.grey {{ border-color: var(--cx-line); }}
.cx-chip.grey {{ color: var(--cx-soft); border-style: dashed; }}
.cx-chip.low {{ border-color: var(--cx-low); color: var(--cx-low); font-weight: 600; }}
.cx-up, .cx-down {{ color: {TEXT}; }}
.cx-up {{ background: rgba(var(--cx-up), var(--a, .2)); text-decoration: underline 2px rgb(var(--cx-up)); }}
.cx-down {{ background: rgba(var(--cx-down), var(--a, .2));
  text-decoration: underline dashed 2px rgb(var(--cx-down)); }}
.cx-bars {{ display: grid; grid-template-columns: minmax(6em, 2fr) minmax(5em, 1fr) 3.6em; gap: .15em .7em;
  align-items: center; font-size: .9em; }}
.cx-bars > span {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.cx-bars b {{ font-weight: 500; text-align: right; font-variant-numeric: tabular-nums; }}
.cx-bar {{ position: relative; height: .8em;
  background: linear-gradient(var(--cx-line), var(--cx-line)) 50% / 1px 100% no-repeat; }}
.cx-bar i {{ position: absolute; top: 0; height: 100%; }}
.cx-bar.one {{ background: rgba(128, 138, 148, .14); }}
.cx-bar.one i {{ left: 0; background: var(--cx-accent); }}
.cx-pair {{ border-collapse: collapse; font-size: .86em; margin: .2em 0 .8em; }}
.cx-pair th {{ font-weight: 400; color: var(--cx-soft); text-align: left; padding: .1em 1em .1em 0; }}
.cx-pair td {{ position: relative; min-width: 6em; padding: .1em 1em .35em 0; font-variant-numeric: tabular-nums; }}
.cx-pair td i {{ position: absolute; left: 0; bottom: 0; height: .28em; background: rgba(128, 138, 148, .6); }}
del.cx-gone {{ background: rgba(var(--cx-down), .22); text-decoration: line-through; }}
ins.cx-come {{ background: rgba(var(--cx-up), .22); text-decoration: underline 2px; }}
.cx-figures {{ display: flex; flex-wrap: wrap; gap: .4em 2.4em; margin: .2em 0; font-size: .86em; }}
.cx-figures b {{ display: block; font-size: 1.55em; font-weight: 600; font-variant-numeric: tabular-nums; }}
[class*="st-key-theme-"] [data-testid="stBaseButton-tertiary"] p,
.st-key-moved-turns [data-testid="stBaseButton-tertiary"] p {{ color: var(--cx-accent); text-align: left;
  text-decoration: underline; }}
.cx-keys td {{ padding: .1em .9em .1em 0; vertical-align: top; }}
.cx-keys kbd {{ font-family: monospace; background: rgba(128, 138, 148, .14); color: inherit; padding: 0 .3em; }}
.cx-box {{ overflow: auto; border: 1px solid var(--cx-line); border-radius: 4px; padding: .2em .6em; }}
.cx-box.cx-before {{ height: 17rem; display: flex; flex-direction: column-reverse; }}
.cx-box.cx-before > div {{ margin-bottom: auto; }}
.cx-box.cx-judged {{ height: 15rem; border-color: var(--cx-accent); }}
.cx-box.cx-all {{ height: 32.5rem; }}
.st-key-label-outcome {{ height: 9.5rem; overflow: auto; }}
[class*="st-key-cxlink-"] :is([data-testid="stPageLink"] p, [data-testid="stBaseButton-tertiary"] p) {{
  color: var(--cx-accent); text-align: left; text-decoration: underline; white-space: normal; }}
[class*="st-key-cxlink-"] [data-testid="stPageLink"] a {{ padding: 0; }}
[class*="st-key-state-"] {{ row-gap: .2rem; }}
[class*="st-key-cxlink-turn-"] {{ border-top: 1px solid var(--cx-line); padding-top: .35em; }}
.stMainBlockContainer {{ padding-top: 3.6rem; padding-bottom: 3rem; max-width: 1500px; }}
[data-testid="stHeading"] h1 {{ padding: .2rem 0 .1rem; font-size: 1.5rem; font-weight: 600; }}
[data-testid="stHeading"] h2 {{ padding: .4rem 0 .1rem; font-size: 1.08rem; font-weight: 600; }}
.cx-row {{ display: grid; grid-template-columns: 1fr 3.4em; gap: .4em; align-items: center; }}
.cx-row em {{ font-style: normal; font-variant-numeric: tabular-nums; text-align: right; }}
@media (max-width: 640px) {{
  .cx-verdicts {{ grid-template-columns: 1fr 1fr; }}
  .cx-verdicts > b {{ display: none; }}
  .stMainBlockContainer {{ padding-left: .9rem; padding-right: .9rem; }}
  .cx-box.cx-before, .cx-box.cx-judged {{ height: 11rem; }}
  .st-key-reversed > [data-testid="stHorizontalBlock"], .st-key-reversed > div > [data-testid="stHorizontalBlock"] {{
    flex-direction: column-reverse; }}
  .st-key-reversed [data-testid="stColumn"] {{ width: 100%; min-width: 100%; }}
}}
</style>"""

THEME = {
    "baseFontSize": 15,
    "baseRadius": "4px",
    "metricValueFontSize": "1.4rem",
    "showWidgetBorder": True,
    "light.primaryColor": "#14608f",
    "light.backgroundColor": "#ffffff",
    "light.secondaryBackgroundColor": "#f4f6f8",
    "light.textColor": "#1d2329",
    "light.borderColor": "#d4dae0",
    "light.linkColor": "#14608f",
    "dark.primaryColor": "#2a77ab",
    "dark.backgroundColor": "#14181c",
    "dark.secondaryBackgroundColor": "#1e242a",
    "dark.textColor": "#e4e8ec",
    "dark.borderColor": "#38414a",
    "dark.linkColor": "#6db3dd",
}
"""Streamlit's options under `theme.`"""
