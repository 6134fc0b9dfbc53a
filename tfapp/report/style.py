"""Style sheet and script of every page; no font, picture or library from elsewhere."""

# Of Plotly figures within pages: the ink and the letters of the style sheet.
PLOT_FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "color": "#1c2330"}

STYLE = """
:root { --ink: #1c2330; --soft: #556070; --line: #dde2ea; --back: #f5f6f9; --card: #fff; --accent: #1f5fae; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: var(--back); line-height: 1.6;
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; padding-bottom: 1rem; }
h1 { font-size: clamp(1.6rem, 4vw, 2.3rem); line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.015em; }
h2 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .8rem; letter-spacing: -.01em; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .6rem; }
.card > h3 { margin-top: 0; }
p { margin: 0 0 .8rem; max-width: 78ch; }
a { color: var(--accent); }
nav { position: sticky; top: 0; z-index: 1001; background: rgba(255, 255, 255, .96); border: solid var(--line);
  border-width: 1px 0; }
nav ul { display: flex; gap: .25rem; max-width: 1120px; margin: 0 auto; padding: .35rem .75rem; list-style: none;
  overflow-x: auto; }
nav a { display: block; padding: .3rem .65rem; border-radius: 6px; color: var(--ink); text-decoration: none;
  white-space: nowrap; font-size: .92rem; }
nav a:hover, nav a:focus-visible { background: #e8eef8; color: var(--accent); }
section { padding: 1.75rem 0; border-bottom: 1px solid var(--line); }
section:last-child { border-bottom: 0; }
.lead, .aside, figcaption, caption, dt { color: var(--soft); }
.aside, figcaption { font-size: .9rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; margin: 0;
  min-width: 0; }
.card > p:last-child { margin-bottom: 0; }
.result { font-size: 1.12rem; background: var(--card); border: 1px solid var(--line);
  border-left: 4px solid var(--accent); border-radius: 8px; padding: 1rem 1.2rem; max-width: none; }
.note { max-width: none; background: #fff7e3; border: 1px solid #eed9a0; border-radius: 8px; padding: .6rem .9rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .75rem; margin: 1rem 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem; }
dt { font-size: .82rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.pair, .tables, .stack { display: grid; gap: 1rem; margin: 1rem 0; }
.pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.tables { grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); }
.tables.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.wide > :last-child:nth-child(odd) { grid-column: 1 / -1; }
.pictures { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 262px)); gap: .7rem;
  margin-bottom: 1rem; }
figure { margin: 0; min-width: 0; }
figcaption { margin-top: .35rem; line-height: 1.4; }
.pictures img { display: block; width: 100%; height: auto; border-radius: 6px; border: 1px solid var(--line); }
.card img { display: block; max-width: 100%; height: auto; }
.pictures figcaption { font-size: .84rem; color: var(--ink); overflow-wrap: anywhere; }
.plot { height: 360px; }
.surface .plot { height: auto; aspect-ratio: 11 / 10; max-height: 460px; }
.surface figcaption { font-weight: 600; color: var(--ink); text-align: center; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; margin: 0 0 1rem; padding: 0; }
.swatch { display: inline-block; width: .95em; height: .95em; margin-right: .4em; border-radius: 3px;
  border: 1px solid #8a94a3; vertical-align: -.1em; }
.scroll { overflow-x: auto; margin-bottom: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; color: var(--ink); padding-bottom: .4rem; }
th, td { padding: .34rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
  white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; font-weight: 500; }
tbody th { white-space: normal; min-width: 6.5rem; }
thead th { font-weight: 600; border-bottom: 2px solid #b9c1cd; }
tbody tr:last-child > * { border-bottom: 0; }
.text td, .text thead th { text-align: left; }
.text td { white-space: normal; min-width: 10rem; }
pre { position: relative; background: #eef1f6; border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; margin: 0 0 1rem; overflow-x: auto; font-size: .88rem; line-height: 1.5; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre.line { padding-right: 4.6rem; }
pre code { white-space: pre-wrap; }
pre.layout code { white-space: pre; }
.copy { position: absolute; top: .45rem; right: .45rem; font: inherit; font-size: .8rem; padding: .15rem .6rem;
  color: var(--accent); background: #fff; border: 1px solid #c3ccd9; border-radius: 6px; cursor: pointer; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem;
  margin: .5rem 0 1rem; }
summary { cursor: pointer; font-weight: 600; }
details .card { border: 0; padding: .5rem 0; }
ol { padding-left: 1.3rem; }
li p { margin-bottom: .35rem; }
.legend li p { margin: 0; }
footer { color: var(--soft); font-size: .9rem; padding-top: 1rem; padding-bottom: 2rem; }
@media (max-width: 600px) {
  header, main, footer { padding-left: .9rem; padding-right: .9rem; }
  .pictures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .card { padding: .75rem; }
}
@media print { nav, .copy { display: none; } section { break-inside: avoid-page; } }
"""

# Copying falls back to selecting the text, because a browser may refuse the clipboard to a file.
SCRIPT = """
for (const pre of document.querySelectorAll("pre.line")) {
  const code = pre.querySelector("code");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  const say = (text) => {
    button.textContent = text;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  const select = () => { getSelection().selectAllChildren(code); say("Selected"); };
  button.addEventListener("click", () => {
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(code.textContent).then(() => say("Copied"), select);
  });
  pre.append(button);
}
// No logo, and above all no button that sends the reader's data to a company's server; a wheel that zooms
// would catch readers who only scroll past.
const plotOptions = {
  displaylogo: false, responsive: true, scrollZoom: false, showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "tableRotation",
    "resetCameraLastSave3d"],
};
for (const description of document.querySelectorAll("script[data-plot]")) {
  const { data, layout } = JSON.parse(description.textContent);
  Plotly.newPlot(description.dataset.plot, data, layout, plotOptions);
}
function turnTogether(plots) {
  let busy = false;
  for (const turned of plots) {
    turned.on("plotly_relayout", (change) => {
      const camera = change["scene.camera"];
      if (!camera || busy) return;
      busy = true;
      const others = plots.filter((plot) => plot !== turned);
      Promise.all(others.map((plot) => Plotly.relayout(plot, {"scene.camera": camera})))
        .finally(() => { busy = false; });
    });
  }
}
turnTogether([...document.querySelectorAll(".surface .plot")]);
"""
