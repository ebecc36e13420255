// The mask editor: brush and eraser over a picture. What is painted is exported at the size at which it is shown, hard
// edged, as a PNG; props.value = {source: {digest, width, height, url}, mask: data URL or null}, with a stamp of its own
// when it comes from the server.
const pen = canvas.getContext('2d', { willReadFrequently: true });
const cursor = find('.editor-cursor');
const size = find('.editor-size');
const COLOUR = '#ff3d6e';
const UNDO_STEPS = 24;
const EDGE = 0.012; // of the longer side: what one press of grow or shrink adds or takes
let source = null;
let isErasing = false;
let last = null;

// The brush's width in pixels of the canvas: up to a third of the shorter side, finer at the small end.
const brushWidth = () => Math.max(1, ((Number(size.value) / 100) ** 2 * Math.min(canvas.width, canvas.height)) / 3 + 2);

function takeMask() {
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  const alpha = new Uint8Array(canvas.width * canvas.height);
  for (let i = 0; i < alpha.length; i++) alpha[i] = pixels[4 * i + 3];
  return alpha;
}

function putMask(alpha) {
  const image = pen.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < alpha.length; i++) image.data.set([255, 61, 110, alpha[i]], 4 * i);
  pen.putImageData(image, 0, 0);
}

// Another picture, and a larger canvas, are taken back as strokes are.
const history = makeHistory(
  () => ({ source, alpha: takeMask() }),
  (then) => {
    if (then.source !== source) showPicture((source = then.source));
    putMask(then.alpha);
  },
  UNDO_STEPS,
);

function draw(from, to) {
  pen.globalCompositeOperation = isErasing ? 'destination-out' : 'source-over';
  pen.strokeStyle = COLOUR;
  pen.lineWidth = brushWidth();
  pen.lineCap = pen.lineJoin = 'round';
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
  pen.globalCompositeOperation = 'source-over';
}

// The mask as black and white; null where nothing is painted.
function exported() {
  const alpha = takeMask();
  if (!alpha.some((level) => level > 127)) return null;
  const out = document.createElement('canvas');
  out.width = canvas.width;
  out.height = canvas.height;
  const context = out.getContext('2d');
  const image = context.createImageData(out.width, out.height);
  for (let i = 0; i < alpha.length; i++) {
    const level = alpha[i] > 127 ? 255 : 0;
    image.data.set([level, level, level, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return out.toDataURL('image/png');
}

function commit() {
  handOver({ source, mask: source && exported() });
  for (const [act, can] of [['undo', history.canUndo], ['redo', history.canRedo]]) find(`[data-act=${act}]`).disabled = !can;
}

function copy() {
  const twin = document.createElement('canvas');
  twin.width = canvas.width;
  twin.height = canvas.height;
  twin.getContext('2d').drawImage(canvas, 0, 0);
  return twin;
}

function invert() {
  pen.globalCompositeOperation = 'source-out';
  pen.fillStyle = COLOUR;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.globalCompositeOperation = 'source-over';
}

function grow() {
  const twin = copy();
  const reach = Math.max(1, EDGE * Math.max(canvas.width, canvas.height));
  for (let turn = 0; turn < 32; turn++) {
    const angle = (turn * Math.PI) / 16;
    pen.drawImage(twin, reach * Math.cos(angle), reach * Math.sin(angle));
  }
}

// Another picture, with a mask if it brings one (a URL), else unpainted.
async function load(next, mask) {
  if (source) history.remember();
  source = next;
  await showPicture(source);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (mask) await paint(mask);
  commit();
}

// Paints what is light in a black and white picture, stretched over the canvas.
async function paint(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const sheet = document.createElement('canvas');
  sheet.width = canvas.width;
  sheet.height = canvas.height;
  const context = sheet.getContext('2d');
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(image, 0, 0, sheet.width, sheet.height);
  const pixels = context.getImageData(0, 0, sheet.width, sheet.height).data;
  const alpha = new Uint8Array(sheet.width * sheet.height);
  for (let i = 0; i < alpha.length; i++) alpha[i] = pixels[4 * i + 1] > 127 ? 255 : 0;
  putMask(alpha);
}

// A larger canvas: what is new is painted, what was painted stays so.
async function extend() {
  const sides = ['left', 'top', 'right', 'bottom'].map((side) => Math.max(0, Math.round(Number(find(`[data-side=${side}]`).value) || 0)));
  const before = { ...source, mask: copy() };
  const next = await bring(`/${source.digest}/extended?sides=${sides.join(',')}`);
  if (!next) return;
  history.remember();
  source = next;
  await showPicture(source);
  const scale = canvas.width / source.width;
  const frame = [sides[0] * scale, sides[1] * scale, before.width * scale, before.height * scale];
  pen.fillStyle = COLOUR;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.clearRect(...frame);
  pen.drawImage(before.mask, ...frame);
  commit();
}

// Fills the four sides in so that the picture gets the aspect.
function toAspect(text) {
  const [across, down] = text.split(':').map(Number);
  const wider = Math.max(0, Math.round((source.height * across) / down) - source.width);
  const higher = Math.max(0, Math.round((source.width * down) / across) - source.height);
  const amounts = { left: wider >> 1, right: wider - (wider >> 1), top: higher >> 1, bottom: higher - (higher >> 1) };
  for (const [side, amount] of Object.entries(amounts)) find(`[data-side=${side}]`).value = amount;
}

const acts = {
  undo: () => history.undo(),
  redo: () => history.redo(),
  clear: () => (history.remember(), pen.clearRect(0, 0, canvas.width, canvas.height)),
  invert: () => (history.remember(), invert()),
  grow: () => (history.remember(), grow()),
  shrink: () => (history.remember(), invert(), grow(), invert()),
};

function pick(tool) {
  isErasing = tool === 'eraser';
  for (const button of root.querySelectorAll('[data-tool]')) button.setAttribute('aria-pressed', String(button.dataset.tool === tool));
}

function showCursor(event) {
  const frame = canvas.getBoundingClientRect();
  const width = (brushWidth() * frame.width) / canvas.width;
  Object.assign(cursor.style, { display: 'block', width: width + 'px', height: width + 'px', left: event.clientX - frame.left + 'px', top: event.clientY - frame.top + 'px' });
}

followPointer({
  begin(at) {
    history.remember();
    last = at;
    draw(at, at);
  },
  move(at) {
    draw(last, at);
    last = at;
  },
  end: commit,
});
canvas.addEventListener('pointermove', showCursor);
canvas.addEventListener('pointerleave', () => (cursor.style.display = 'none'));
canvas.addEventListener('keydown', (event) => {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === 'z') acts[event.shiftKey ? 'redo' : 'undo']();
  else if (command && key === 'y') acts.redo();
  else if (key === 'b') return pick('brush');
  else if (key === 'e') return pick('eraser');
  else if (key === '[' || key === ']') return (size.value = Number(size.value) + (key === ']' ? 5 : -5));
  else return;
  event.preventDefault();
  commit();
});
for (const button of root.querySelectorAll('[data-tool]')) {
  button.textContent = say(button.dataset.tool);
  button.addEventListener('click', () => pick(button.dataset.tool));
}
for (const button of root.querySelectorAll('[data-act]')) {
  button.textContent = say(button.dataset.act);
  const act = acts[button.dataset.act];
  if (act) button.addEventListener('click', () => (act(), commit()));
}
for (const label of root.querySelectorAll('[data-word]')) label.textContent = say(label.dataset.word);
find('.editor-hint').textContent = say('hint');
find('.editor-choose').textContent = say('choose');
canvas.setAttribute('aria-label', say('canvas'));
for (const button of [find('.editor-choose'), find('[data-act=choose]')]) button.addEventListener('click', () => find('.editor-file').click());
find('[data-act=extend]').addEventListener('click', extend);
find('.editor-aspect').addEventListener('change', (event) => event.target.value && toAspect(event.target.value));
find('[data-act=load]').addEventListener('click', () => find('.editor-mask-file').click());
find('.editor-mask-file').addEventListener('change', async (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  const mask = file && (await bring(`/${source.digest}/mask`, file));
  if (!mask) return;
  history.remember();
  await paint(mask.shown);
  commit();
});
takeFiles(async (file) => {
  const next = await bring('', file);
  if (next) await load(next, null);
});
// News without a picture is the answer to a page that asked; whoever has begun meanwhile keeps what they have.
takeNews((value) => {
  if (value.source) return load(value.source, value.mask);
  if (value.empty) {
    source = null;
    root.dataset.state = 'empty';
  }
  commit();
});
