// How the image and its masks look on the screen: masks, outlines or none; brightness and contrast.

const element = (id) => document.getElementById(id);
const WORDS = { masks: "Masks", outlines: "Outlines alone", none: "No masks" };

export function setUpLooks(app) {
  const { view } = app;
  const panel = element("looks");
  const sliders = { brightness: element("brightness"), contrast: element("contrast") };
  const show = () => {
    for (const [name, slider] of Object.entries(sliders)) view.light[name] = Number(slider.value);
    element("looks-reset").disabled = Object.values(view.light).every((value) => value === 1);
    view.invalidate();
  };
  for (const slider of Object.values(sliders)) slider.addEventListener("input", show);
  element("looks-reset").addEventListener("click", () => {
    for (const slider of Object.values(sliders)) slider.value = 1;
    show();
  });
  element("show-looks").addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    element("show-looks").setAttribute("aria-expanded", String(!panel.hidden));
  });
  element("mask-style").addEventListener("click", () => nextStyle(app));
  show();
}

export function nextStyle(app) {
  const style = app.view.overlay.nextStyle();
  element("mask-style").title = `${WORDS[style]} (W)`;
  element("mask-style").dataset.style = style;
  app.view.invalidate();
  app.toast(WORDS[style]);
}
