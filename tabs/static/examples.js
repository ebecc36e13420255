// Examples. `props.value` is what tabs/examples.py gives; it does not change.
const row = element.querySelector('.examples-row');
const words = props.words[(navigator.language || 'en').slice(0, 2)] || props.words.en;

function makeImage(source) {
  const image = document.createElement('img');
  image.src = source;
  image.alt = '';
  return image;
}

function makeBox([left, top, right, bottom]) {
  const box = document.createElement('span');
  box.className = 'examples-box';
  const place = { left: left, top: top, width: right - left, height: bottom - top };
  for (const [side, share] of Object.entries(place)) box.style[side] = 100 * share + '%';
  return box;
}

function makeExample(example, number) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'examples-one';
  button.classList.toggle('has-before', Boolean(example.before));
  button.style.setProperty('--aspect', example.aspect);
  const caption = example.text || words.examples_wordless;
  button.title = caption;
  const pictures = document.createElement('span');
  pictures.className = 'examples-pictures';
  if (example.before) pictures.append(makeImage(example.before));
  pictures.append(makeImage(example.picture), ...example.boxes.map(makeBox));
  const text = document.createElement('span');
  text.className = 'examples-text';
  text.textContent = caption;
  button.append(pictures, text);
  button.addEventListener('click', () => trigger('choose', { number }));
  return button;
}

element.querySelector('.examples-title').textContent = words.examples;
row.append(...props.value.examples.map(makeExample));
