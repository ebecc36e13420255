const figures = [...document.querySelectorAll('figure')];
const dialog = document.querySelector('dialog');
let shown = 0;
function show(at) {
  const figure = figures[at];
  if (!figure) return;
  shown = at;
  dialog.querySelector('img').src = figure.querySelector('img').src;
  dialog.querySelector('p').textContent = figure.querySelector('figcaption').textContent;
  dialog.querySelector('pre').textContent = figure.querySelector('pre').textContent;
  if (!dialog.open) dialog.showModal();
}
figures.forEach((figure, at) => {
  figure.addEventListener('click', () => show(at));
  figure.addEventListener('keydown', (event) => event.key === 'Enter' && show(at));
});
dialog.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowRight') show(shown + 1);
  if (event.key === 'ArrowLeft') show(shown - 1);
});
dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
dialog.querySelector('button').addEventListener('click', () => dialog.close());
document.querySelector('input').addEventListener('input', (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const figure of figures) figure.hidden = !words.every((word) => figure.textContent.toLowerCase().includes(word));
});
