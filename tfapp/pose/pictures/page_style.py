"""Style sheet and script of the page; no font, picture or library from elsewhere."""

STYLE = """
:root { --ink: #1c2330; --soft: #556070; --line: #dde2ea; --back: #f5f6f9; --card: #fff; --accent: #1f5fae; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--back); -webkit-text-size-adjust: 100%;
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; padding-bottom: .5rem; }
h1 { font-size: clamp(1.6rem, 4vw, 2.2rem); line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 0 0 .6rem; }
p { margin: 0 0 .8rem; max-width: 78ch; }
section { padding: 1.4rem 0; }
section + section { border-top: 1px solid var(--line); }
.soft, figcaption, dt, footer { color: var(--soft); }
footer { font-size: .9rem; padding-bottom: 2rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .75rem; margin: 1rem 0; }
.facts div, figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.facts div { padding: .6rem .9rem; }
dt { font-size: .82rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
figure { margin: 0; padding: .75rem; min-width: 0; }
figcaption { font-size: .92rem; margin-bottom: .4rem; font-weight: 600; }
.plot { height: 400px; }
.bar { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 .8rem; }
button { font: inherit; font-size: .9rem; padding: .2rem .8rem; color: var(--accent); background: #fff;
  border: 1px solid #c3ccd9; border-radius: 6px; cursor: pointer; }
button:hover, button:focus-visible { background: #e8eef8; }
button[aria-pressed="true"] { color: #fff; background: var(--accent); border-color: var(--accent); }
.note { background: #fff7e3; border: 1px solid #eed9a0; border-radius: 8px; padding: .6rem .9rem; }
@media (max-width: 600px) { .plot { height: 320px; } header, main, footer { padding-left: .9rem;
  padding-right: .9rem; } }
"""

# A browser draws only some 3D figures at once, so all scenes share two of them.
SCRIPT = """
// No logo, and above all no button that sends the reader's data to a company's server; a wheel that zooms
// would catch readers who only scroll past.
const options = {
  displaylogo: false, responsive: true, scrollZoom: false, showSendToCloud: false, plotlyServerURL: "",
  modeBarButtonsToRemove: ["tableRotation", "resetCameraLastSave3d", "pan3d"],
};
const read = (name) => JSON.parse(document.getElementById(name).textContent);
const draw = (plot, figure) => Plotly.react(plot, figure.data, figure.layout, options);
const plots = (name) => [...document.querySelectorAll(`[data-group="${name}"]`)];

function turnTogether(group) {
  let busy = false;
  for (const plot of group) {
    plot.on("plotly_relayout", (change) => {
      const camera = change["scene.camera"];
      if (!camera || busy) return;
      busy = true;
      const others = group.filter((other) => other !== plot);
      Promise.all(others.map((other) => Plotly.relayout(other, {"scene.camera": camera})))
        .finally(() => { busy = false; });
    });
  }
}

const models = plots("model");
const button = document.getElementById("turn");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let turning = false, onScreen = true, working = false, last = 0;
function show(on) {
  turning = on;
  button.textContent = on ? "Stop" : "Turn";
  if (on) { last = 0; requestAnimationFrame(turn); }
}
function turn(now) {
  if (!turning) return;
  const step = last ? Math.min(now - last, 100) * 4e-4 : 0;
  last = now;
  if (step && onScreen && !working) {
    working = true;
    const camera = models[0]._fullLayout.scene.camera;
    const {x, y, z} = camera.eye;
    const eye = {
      x: x * Math.cos(step) - y * Math.sin(step), y: x * Math.sin(step) + y * Math.cos(step), z,
    };
    const changed = {"scene.camera.eye": eye};
    Promise.all(models.map((plot) => Plotly.relayout(plot, changed))).finally(() => { working = false; });
  }
  requestAnimationFrame(turn);
}
Promise.all(models.map((plot) => draw(plot, read(plot.dataset.figure)))).then(() => {
  turnTogether(models);
  for (const plot of models) plot.addEventListener("pointerdown", () => show(false), true);
  new IntersectionObserver((seen) => { onScreen = seen.some((one) => one.isIntersecting); })
    .observe(models[0]);
  button.addEventListener("click", () => show(!turning));
  button.hidden = false;
  if (!still) show(true);
});

const scenes = plots("scene");
const choices = [...document.querySelectorAll("button[data-scene]")];
const captions = scenes.map((plot) => plot.closest("figure").querySelector("figcaption"));
function choose(number) {
  const figures = read(`scene-${number}`);
  for (const choice of choices) choice.setAttribute("aria-pressed", String(choice.dataset.scene === number));
  return Promise.all(scenes.map((plot, side) => {
    plot.closest("figure").hidden = !figures[side];
    captions[side].textContent = figures[side] ? figures[side].caption : "";
    return figures[side] && draw(plot, figures[side]);
  }));
}
for (const choice of choices) choice.addEventListener("click", () => choose(choice.dataset.scene));
if (choices.length) choose(choices[0].dataset.scene).then(() => {
  turnTogether(scenes.filter((plot) => plot.data));
});
"""
