// The box editor: labelled boxes on a canvas of the picture's aspect. All coordinates are fractions of the picture.
// props.value = {boxes: [{phrase, box: [x0, y0, x1, y1]}], source: {digest, width, height, url} or null}; what the server
// sends carries a stamp of its own and may hold an aspect; what it leaves out stays as it is.
const pen = canvas.getContext('2d');
const stage = find('.boxes-stage');
const list = find('.boxes-list');
const COLOURS = ['#d6336c', '#1971c2', '#2f9e44', '#e8590c', '#7048e8', '#0c8599', '#a8680a', '#c2255c'];
const MOST_BOXES = 30;
const SMALLEST = 0.02; // of a side, drawn by hand
const NUDGE = 0.01;
const UNDO_STEPS = 60;
const CORNERS = [[0, 1], [2, 1], [0, 3], [2, 3]]; // which of x0, y0, x1, y1 each corner moves
let boxes = []; // {phrase, box, colour}
let chosen = -1;
let source = null;
let drag = null;

const clamp = (value, least = 0, most = 1) => Math.min(most, Math.max(least, value));
const round = (value) => Math.round(value * 1e4) / 1e4;
const plain = () => boxes.map(({ phrase, box }) => ({ phrase, box: box.map(round) }));
const copyOf = (each) => ({ ...each, box: [...each.box] });
const fractions = ([x, y]) => [clamp(x / canvas.width), clamp(y / canvas.height)];
const freeColour = () => {
  const used = COLOURS.map((_, index) => boxes.filter(({ colour }) => colour === index).length);
  return used.indexOf(Math.min(...used));
};
const history = makeHistory(
  () => ({ boxes: boxes.map(copyOf), chosen, source }),
  (then) => {
    if (then.source !== source) showBackground(then.source);
    boxes = then.boxes.map(copyOf);
    chosen = Math.min(then.chosen, boxes.length - 1);
  },
  UNDO_STEPS,
);

function commit() {
  handOver({ boxes: plain(), source, aspect: Number(stage.style.getPropertyValue('--aspect')) || 1 });
  show();
}

function change(act) {
  history.remember();
  act();
  commit();
}

function put(phrase, box) {
  boxes.push({ phrase, box, colour: freeColour() });
  chosen = boxes.length - 1;
}

// A box where none is yet, for who cannot draw one.
function add() {
  if (isFull()) return;
  const shift = (boxes.length % 5) * 0.05;
  change(() => put('', [0.3 + shift, 0.3 + shift, 0.6 + shift, 0.6 + shift]));
  list.lastChild.querySelector('input').focus();
}

function isFull() {
  const full = boxes.length >= MOST_BOXES;
  tell(full ? say('boxes_full') : '');
  return full;
}

function duplicate() {
  if (chosen < 0 || isFull()) return;
  const { phrase, box } = boxes[chosen];
  const [dx, dy] = [0, 1].map((axis) => (box[axis + 2] + 0.04 <= 1 ? 0.04 : -Math.min(0.04, box[axis])));
  change(() => put(phrase, [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy]));
}

function remove(index = chosen) {
  if (index < 0) return;
  change(() => {
    boxes.splice(index, 1);
    chosen = Math.min(chosen, boxes.length - 1);
  });
}

function reorder(by) {
  const to = chosen + by;
  if (chosen < 0 || to < 0 || to >= boxes.length) return;
  change(() => {
    [boxes[chosen], boxes[to]] = [boxes[to], boxes[chosen]];
    chosen = to;
  });
}

function choose(index) {
  chosen = index;
  show();
}

// Moves a box without leaving the picture.
function shifted(box, dx, dy) {
  const x = clamp(dx, -box[0], 1 - box[2]);
  const y = clamp(dy, -box[1], 1 - box[3]);
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
}

function show() {
  find('.boxes-hint').hidden = boxes.length > 0 || drag !== null;
  while (list.children.length > boxes.length) list.lastChild.remove();
  while (list.children.length < boxes.length) list.append(makeItem());
  boxes.forEach(({ phrase, colour }, index) => {
    const item = list.children[index];
    const input = item.querySelector('input');
    item.style.setProperty('--colour', COLOURS[colour]);
    item.setAttribute('aria-current', String(index === chosen));
    item.querySelector('.boxes-number').textContent = index + 1;
    input.setAttribute('aria-label', say('boxes_phrase') + ' ' + (index + 1));
    if (input.value !== phrase) input.value = phrase;
  });
  const able = {
    add: boxes.length < MOST_BOXES,
    duplicate: chosen >= 0 && boxes.length < MOST_BOXES,
    forward: chosen >= 0 && chosen < boxes.length - 1,
    backward: chosen > 0,
    remove: chosen >= 0,
    undo: history.canUndo,
    redo: history.canRedo,
    clear: boxes.length > 0,
    export: boxes.length > 0,
  };
  for (const [act, can] of Object.entries(able)) find(`[data-act=${act}]`).disabled = !can;
  draw();
}

// One line a box: its number, what is in it, and a way to take it out.
function makeItem() {
  const item = document.createElement('li');
  item.className = 'boxes-item';
  const place = () => [...list.children].indexOf(item);
  const number = document.createElement('button');
  number.type = 'button';
  number.className = 'boxes-number';
  number.addEventListener('click', () => {
    choose(place());
    canvas.focus({ preventScroll: true });
  });
  const input = document.createElement('input');
  input.type = 'text';
  input.className = 'boxes-phrase';
  input.maxLength = 200;
  input.placeholder = say('boxes_what');
  let isNew = true; // one step of undo for each time that a phrase is worked on
  input.addEventListener('focus', () => {
    isNew = true;
    choose(place());
  });
  input.addEventListener('input', () => {
    if (isNew) history.remember();
    isNew = false;
    boxes[place()].phrase = input.value;
    commit();
  });
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || (event.key !== 'Enter' && event.key !== 'Escape')) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
  });
  const out = document.createElement('button');
  out.type = 'button';
  out.className = 'boxes-out';
  out.textContent = '×';
  out.setAttribute('aria-label', say('remove'));
  out.addEventListener('click', () => remove(place()));
  item.append(number, input, out);
  return item;
}

function draw() {
  const scale = window.devicePixelRatio || 1;
  const { width, height } = stage.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  boxes.forEach((each, index) => drawBox(each, index, scale));
  if (chosen >= 0) drawHandles(boxes[chosen], scale);
}

function drawBox({ phrase, box, colour }, index, scale) {
  const [x0, y0, x1, y1] = [box[0] * canvas.width, box[1] * canvas.height, box[2] * canvas.width, box[3] * canvas.height];
  pen.lineWidth = (index === chosen ? 3 : 2) * scale;
  pen.strokeStyle = COLOURS[colour];
  pen.fillStyle = COLOURS[colour] + (index === chosen ? '3a' : '24');
  pen.fillRect(x0, y0, x1 - x0, y1 - y0);
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  pen.font = `600 ${13 * scale}px system-ui, sans-serif`;
  const text = `${index + 1} ${phrase}`;
  const width = Math.min(pen.measureText(text).width + 12 * scale, canvas.width);
  const left = Math.min(x0, canvas.width - width);
  pen.fillStyle = COLOURS[colour];
  pen.fillRect(left, y0, width, 20 * scale);
  pen.fillStyle = 'white';
  pen.fillText(text, left + 6 * scale, y0 + 15 * scale, canvas.width - 12 * scale);
}

function drawHandles({ box, colour }, scale) {
  const half = 5 * scale;
  for (const [x, y] of CORNERS) {
    const [left, top] = [box[x] * canvas.width - half, box[y] * canvas.height - half];
    pen.fillStyle = 'white';
    pen.strokeStyle = COLOURS[colour];
    pen.lineWidth = 2 * scale;
    pen.fillRect(left, top, 2 * half, 2 * half);
    pen.strokeRect(left, top, 2 * half, 2 * half);
  }
}

// The corner of the chosen box under a pointer, or null. A finger's corners are 44 pixels wide and lie mostly outside, so
// that a small box can still be taken by its middle.
function cornerAt(at, event) {
  if (chosen < 0) return null;
  const frame = canvas.getBoundingClientRect();
  const [inside, outside] = event.pointerType === 'touch' ? [14, 30] : [7, 9];
  return CORNERS.find((corner) =>
    corner.every((edge, axis) => {
      const beyond = (at[axis] - boxes[chosen].box[edge]) * [frame.width, frame.height][axis] * (edge < 2 ? -1 : 1);
      return beyond <= outside && beyond >= -inside;
    }),
  );
}

const isInside = ([x, y], [x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1;

// The chosen box comes first, then the uppermost.
function boxAt(at) {
  if (chosen >= 0 && isInside(at, boxes[chosen].box)) return chosen;
  return boxes.findLastIndex(({ box }) => isInside(at, box));
}

followPointer({
  begin(pixels, event) {
    const at = fractions(pixels);
    const corner = cornerAt(at, event);
    const under = boxAt(at);
    drag = { at, corner, isNew: false, hasMoved: false };
    if (!corner && under >= 0) chosen = under;
    else if (!corner) {
      drag.isNew = true;
      chosen = -1;
    }
    drag.box = chosen >= 0 ? [...boxes[chosen].box] : null;
    show();
  },
  move(pixels) {
    const [x, y] = fractions(pixels);
    if (!drag.hasMoved) {
      if (Math.hypot(x - drag.at[0], y - drag.at[1]) < 0.005) return;
      if (drag.isNew && isFull()) return;
      history.remember();
      drag.hasMoved = true;
      if (drag.isNew) put('', [...drag.at, ...drag.at]);
    }
    const each = boxes[chosen];
    if (drag.isNew) each.box = [Math.min(x, drag.at[0]), Math.min(y, drag.at[1]), Math.max(x, drag.at[0]), Math.max(y, drag.at[1])];
    else if (drag.corner) each.box = resized(drag.box, drag.corner, x, y);
    else each.box = shifted(drag.box, x - drag.at[0], y - drag.at[1]);
    draw();
  },
  end(event) {
    const { hasMoved, isNew } = drag;
    drag = null;
    if (!hasMoved) return show();
    const [x0, y0, x1, y1] = boxes[chosen].box;
    if (isNew && (x1 - x0 < SMALLEST || y1 - y0 < SMALLEST)) {
      boxes.splice(chosen, 1);
      chosen = -1;
      history.undo();
      return show();
    }
    commit();
    if (isNew && event.pointerType !== 'touch') list.lastChild.querySelector('input').focus();
  },
});

// A corner moved to x, y; the opposite one stays, and the box keeps its least size.
function resized(box, [horizontal, vertical], x, y) {
  const next = [...box];
  next[horizontal] = horizontal === 0 ? Math.min(x, box[2] - SMALLEST) : Math.max(x, box[0] + SMALLEST);
  next[vertical] = vertical === 1 ? Math.min(y, box[3] - SMALLEST) : Math.max(y, box[1] + SMALLEST);
  return next;
}

const ARROWS = { ArrowLeft: [-NUDGE, 0], ArrowRight: [NUDGE, 0], ArrowUp: [0, -NUDGE], ArrowDown: [0, NUDGE] };
const COMMANDS = { z: (event) => (event.shiftKey ? acts.redo() : acts.undo()), y: () => acts.redo(), d: duplicate };

// Keys do something, or are left to the page: Tab after the last box, Escape without a chosen one.
function press(event) {
  const key = event.key;
  if (event.ctrlKey || event.metaKey) return Boolean(COMMANDS[key.toLowerCase()]) && (COMMANDS[key.toLowerCase()](event), true);
  if (key === 'Tab') {
    const next = chosen + (event.shiftKey ? -1 : 1);
    const stays = next >= 0 && next < boxes.length;
    choose(stays ? next : -1);
    return stays;
  }
  if (key === 'n' || key === 'N') return add(), true;
  if (chosen < 0) return false;
  if (key === 'Escape') choose(-1);
  else if (key === 'Delete' || key === 'Backspace') remove();
  else if (key === 'Enter') list.children[chosen].querySelector('input').focus();
  else if (key === 'PageUp') reorder(1);
  else if (key === 'PageDown') reorder(-1);
  else if (ARROWS[key]) nudge(ARROWS[key], event.shiftKey);
  else return false;
  return true;
}

function nudge([dx, dy], resizes) {
  const { box } = boxes[chosen];
  const grown = [box[0], box[1], clamp(box[2] + dx, box[0] + SMALLEST, 1), clamp(box[3] + dy, box[1] + SMALLEST, 1)];
  change(() => (boxes[chosen].box = resizes ? grown : shifted(box, dx, dy)));
}

canvas.addEventListener('keydown', (event) => press(event) && event.preventDefault());

// Throws an Error with words for a person where the text is no layout.
function parsed(text) {
  let values;
  try {
    values = JSON.parse(text);
  } catch {
    throw new Error(say('boxes_bad'));
  }
  const isBox = (box) => Array.isArray(box) && box.length === 4 && box.every((edge) => typeof edge === 'number' && edge >= 0 && edge <= 1) && box[2] - box[0] >= 0.01 && box[3] - box[1] >= 0.01;
  const isFine = (each) => each && typeof each.phrase === 'string' && each.phrase.length <= 200 && isBox(each.box);
  if (!Array.isArray(values) || !values.length || !values.every(isFine)) throw new Error(say('boxes_bad'));
  if (values.length > MOST_BOXES) throw new Error(say('boxes_full'));
  return values;
}

function use(values) {
  boxes = [];
  values.forEach(({ phrase, box }) => put(phrase, [...box]));
  chosen = -1;
}

function exportBoxes() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(plain(), null, 1) + '\n'], { type: 'application/json' }));
  link.download = 'layout.json';
  link.click();
  URL.revokeObjectURL(link.href);
}

function showBackground(next) {
  source = next;
  picture.hidden = !source;
  if (source) picture.src = source.url;
  else picture.removeAttribute('src');
  find('[data-act=bare]').hidden = !source;
}

const acts = {
  add,
  duplicate,
  forward: () => reorder(1),
  backward: () => reorder(-1),
  remove: () => remove(),
  undo: () => history.undo() && commit(),
  redo: () => history.redo() && commit(),
  clear: () => change(() => ((boxes = []), (chosen = -1))),
  import: () => find('.boxes-file').click(),
  export: exportBoxes,
  background: () => find('.editor-file').click(),
  bare: () => change(() => showBackground(null)),
};

for (const button of root.querySelectorAll('[data-act]')) {
  button.textContent = say(button.dataset.act);
  button.addEventListener('click', acts[button.dataset.act]);
}
for (const label of root.querySelectorAll('[data-word]')) label.textContent = say(label.dataset.word);
canvas.setAttribute('aria-label', say('boxes_canvas'));
takeFiles(async (file) => {
  const next = await bring('', file);
  if (next) change(() => showBackground(next));
});
find('.boxes-file').addEventListener('change', async (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  if (!file) return;
  try {
    const values = parsed(await file.text());
    change(() => use(values));
    tell('');
  } catch (error) {
    tell(error.message);
  }
});

function take(value) {
  if (value.aspect) stage.style.setProperty('--aspect', value.aspect);
  if (value.boxes) history.remember();
  if (value.source !== undefined) showBackground(value.source);
  if (value.boxes) use(value.boxes);
  commit();
}
new ResizeObserver(draw).observe(stage);
show();
takeNews(take);
