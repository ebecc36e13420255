// What the editors share: words, a picture under a canvas, pointers in the picture's own coordinates, undo and redo,
// and bringing pictures to the server. Texts go in as text, never as markup.
const root = element.querySelector('.editor');
const find = (selector) => root.querySelector(selector);
const picture = find('.editor-picture');
const canvas = find('.editor-canvas');
const status = find('.editor-status');
const language = (navigator.language || 'en').slice(0, 2);
const words = WORDS[language] || WORDS.en;
const SHOWN_SIDE = 1536; // pixels of the longer side, as the server shows pictures
const say = (key) => words['editor_' + key];

function tell(text) {
  status.textContent = text;
}

// Where an event is, in pixels of the canvas, whatever the zoom and the width of the page.
function place(event) {
  const frame = canvas.getBoundingClientRect();
  return [((event.clientX - frame.left) * canvas.width) / frame.width, ((event.clientY - frame.top) * canvas.height) / frame.height];
}

// Calls begin, move and end with the places of one pointer: mouse, pen or finger. A second finger is left alone.
function followPointer({ begin, move, end }) {
  let pointer = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button > 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    begin(place(event), event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of between.length ? between : [event]) move(place(each), event);
  });
  const finish = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    end(event);
  };
  canvas.addEventListener('pointerup', finish);
  canvas.addEventListener('pointercancel', finish);
}

// Undo and redo over snapshots; `take` makes one of what is shown now, `put` shows one.
function makeHistory(take, put, longest) {
  let past = [];
  let future = [];
  const step = (from, to) => {
    if (!from.length) return false;
    to.push(take());
    put(from.pop());
    return true;
  };
  return {
    remember() {
      past.push(take());
      if (past.length > longest) past.shift();
      future = [];
    },
    undo: () => step(past, future),
    redo: () => step(future, past),
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
  };
}

// Sends something to the server's sources; its answer, or null after telling what went wrong.
async function bring(path, body) {
  tell(say('loading'));
  try {
    if (body) await body.slice(0, 1).arrayBuffer(); // a folder, and a file that has gone, cannot be read
    const reply = await fetch('studio/sources' + path, { method: 'POST', body });
    const answer = await reply.json();
    if (!reply.ok) throw new Error(answer.error);
    tell(answer.note ? say(answer.note) : '');
    return answer;
  } catch (error) {
    if (error instanceof DOMException) tell(say('unreadable'));
    else tell(error instanceof SyntaxError || error instanceof TypeError ? say('offline') : error.message);
    return null;
  }
}

// Shows a source under the canvas, whose pixels are the shown picture's.
async function showPicture(source) {
  const scale = Math.min(1, SHOWN_SIDE / Math.max(source.width, source.height));
  canvas.width = Math.max(1, Math.round(source.width * scale));
  canvas.height = Math.max(1, Math.round(source.height * scale));
  picture.style.aspectRatio = source.width + ' / ' + source.height;
  picture.src = source.url;
  root.dataset.state = 'ready';
}

const TEXT_FIELDS = 'textarea, [contenteditable]:not([contenteditable=false]), input:not([type]), input:is([type=text], [type=search], [type=number])';

// Whether text is pasted into a field for text: office programs put a picture of it beside it. A file that was copied
// has its own name for text.
function isTextPaste(event) {
  const text = event.clipboardData.getData('text/plain');
  const isName = [...event.clipboardData.files].some((each) => each.name === text);
  return text !== '' && !isName && event.target.closest(TEXT_FIELDS) !== null;
}

// Files come by a button, by drag and drop, or by pasting. What they hold is for the server to say: systems give many a
// picture no type, or that of any bytes.
function takeFiles(use) {
  const file = find('.editor-file');
  const take = (list) => {
    const files = [...(list || [])];
    const first = files.find((each) => each.type.startsWith('image/')) || files[0];
    if (first) use(first);
    return first !== undefined;
  };
  file.addEventListener('change', () => {
    take(file.files);
    file.value = '';
  });
  root.addEventListener('dragover', (event) => {
    event.preventDefault();
    root.classList.add('is-dropping');
  });
  root.addEventListener('dragleave', () => root.classList.remove('is-dropping'));
  root.addEventListener('drop', (event) => {
    event.preventDefault();
    root.classList.remove('is-dropping');
    if (!take(event.dataTransfer.files)) tell(say('no_file'));
  });
  document.addEventListener('paste', (event) => {
    if (root.offsetParent !== null && !isTextPaste(event)) take(event.clipboardData.files);
  });
}

// What the server sends has a stamp of its own; whatever comes without a new one is this page's own echo.
let stamp = null;
let isWaiting = true;

function takeNews(take) {
  const look = () => {
    if (!props.value || !props.value.stamp || props.value.stamp === stamp) return;
    stamp = props.value.stamp;
    isWaiting = false;
    take(props.value);
  };
  watch('value', look);
  look();
  setTimeout(askForNews);
}

// What comes while the page is loading can be lost, so the editor asks, until it is answered or somebody works in it.
function askForNews() {
  if (!isWaiting || !element.isConnected) return;
  trigger('ready');
  setTimeout(askForNews, 1500);
}

function handOver(value) {
  isWaiting = false;
  props.value = value;
  trigger('input');
}
