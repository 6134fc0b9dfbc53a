"""Style and script that the page of a learned model has beyond the common ones."""

STYLE = """
.pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
.plot { height: 400px; }
.card figcaption { font-weight: 600; color: var(--ink); text-align: center; }
.bar { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 .8rem; }
.bar button { font: inherit; font-size: .9rem; padding: .2rem .8rem; color: var(--accent); background: #fff;
  border: 1px solid #c3ccd9; border-radius: 6px; cursor: pointer; }
.bar button:hover, .bar button:focus-visible { background: #e8eef8; }
.bar button[aria-pressed="true"] { color: #fff; background: var(--accent); border-color: var(--accent); }
@media (max-width: 600px) { .plot { height: 320px; } }
"""

# A browser draws only some 3D figures at once, so all scenes share two of them.
SCRIPT = """
// Models and scenes are turned and zoomed, never moved out of their frame.
const options = {...plotOptions, modeBarButtonsToRemove: [...plotOptions.modeBarButtonsToRemove, "pan3d"]};
const read = (name) => JSON.parse(document.getElementById(name).textContent);
const draw = (plot, figure) => Plotly.react(plot, figure.data, figure.layout, options);
const plots = (name) => [...document.querySelectorAll(`[data-group="${name}"]`)];

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
