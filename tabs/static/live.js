// The live view. `props.value` is what tabs/live.py's View.as_json() gives; texts go in as text, never as markup.
const root = element.querySelector('.live');
const frames = root.querySelector('.live-frames');
const status = root.querySelector('.live-status');
const bar = root.querySelector('.live-bar span');
const large = root.querySelector('.live-large');
const deviation = root.querySelector('.live-deviation');
const animation = root.querySelector('.live-animation');
const best = root.querySelector('.live-best');
const language = (navigator.language || 'en').slice(0, 2);
const words = props.words[language] || props.words.en;
const ACTIVE = ['waking', 'queued', 'running'];
let shown = props.value;

function say(key, values = {}) {
  return words['live_' + key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const isOnItsWay = (view) => view.state === 'waking' || (view.state === 'queued' && view.ahead === 0);

function statusText(view) {
  if (view.state === 'waking' && view.loading !== null) return say('loading', { share: Math.round(100 * view.loading) });
  if (isOnItsWay(view)) return say(view.awake ? 'preparing' : 'waking');
  if (view.state === 'queued') return say(view.ahead === 1 ? 'queued_one' : 'queued', view) + waitText(view);
  if (view.state === 'failed') return say('failed') + ' ' + view.message;
  if (view.state === 'stopped') return say('stopped');
  if (view.state === 'done') return say('done');
  if (view.state !== 'running') return '';
  const told = [];
  if (!view.steps) told.push(say('preparing'));
  else if (view.step === view.steps) told.push(say('finishing'));
  else told.push(say('step', { step: Math.max(1, view.step), steps: view.steps })); // at 0, the first one is being taken
  if (view.tiles) told.push(say('tiles', { tiles: view.tiles[0], all: view.tiles[1] }));
  if (view.seconds !== null && view.seconds >= 1) told.push(say('seconds', { seconds: Math.round(view.seconds) }));
  return told.join(' · ');
}

function waitText(view) {
  return view.wait === null || view.wait < 1 ? '' : ' · ' + say('wait', { seconds: view.wait });
}

function notes(view) {
  const unknown = view.unknown.length ? ' · ' + say('unknown', { words: view.unknown.join(', ') }) : '';
  const replaced = view.replaced.length ? ' · ' + say('replaced', { words: view.replaced.join(', ') }) : '';
  const plain = ['again', 'wordless', 'cut'].filter((each) => view[each]).map((each) => ' · ' + say(each));
  return plain.join('') + replaced + unknown;
}

function makeFrame() {
  const figure = document.createElement('figure');
  const open = document.createElement('button');
  open.type = 'button';
  open.className = 'live-open';
  open.setAttribute('aria-label', say('enlarge'));
  const image = document.createElement('img');
  open.append(image);
  open.addEventListener('click', () => image.src && enlarge(image.src, image.alt));
  const caption = document.createElement('figcaption');
  const seed = document.createElement('span');
  const download = document.createElement('a');
  download.textContent = say('download');
  const send = document.createElement('select');
  send.className = 'live-send';
  send.setAttribute('aria-label', say('send'));
  send.append(new Option(say('send'), ''), ...props.takers.map((tab) => new Option(words['tab_' + tab], tab)));
  send.addEventListener('change', () => {
    trigger('send', { to: send.value, picture: image.src.split('/').pop() });
    send.value = '';
  });
  const making = document.createElement('button');
  making.type = 'button';
  making.className = 'live-making';
  making.textContent = say('making');
  making.addEventListener('click', () => enlarge(animationUrl('animation.webp', making.dataset.animation), image.alt, making.dataset.animation));
  caption.append(seed, making, send, download);
  figure.append(open, caption);
  return figure;
}

// Shows a picture as large as the page; under an animation, links to it in every format.
function enlarge(source, text, asked = '') {
  large.querySelector('img').src = source;
  large.querySelector('img').alt = text;
  large.querySelector('.live-formats').replaceChildren(...(asked ? formatLinks(asked) : []));
  large.showModal();
}

const FORMATS = { 'WebP': 'animation.webp', 'WebM': 'animation.webm', 'PNG': 'strip.png' };
const animationUrl = (file, asked) => 'studio/animations/' + file + '?' + asked;

function formatLinks(asked) {
  return Object.entries(FORMATS).map(([name, file]) => {
    const link = document.createElement('a');
    link.textContent = name;
    link.href = animationUrl(file, asked);
    link.download = 'latent-studio-' + file;
    return link;
  });
}

function showFrame(figure, frame, view) {
  const image = figure.querySelector('img');
  const download = figure.querySelector('a');
  const source = frame.preview ? props.tables + frame.preview : frame.source;
  if (source && image.getAttribute('src') !== source) image.src = source;
  if (!source) image.removeAttribute('src');
  image.alt = view.prompt;
  figure.style.aspectRatio = '';
  figure.querySelector('.live-open').style.aspectRatio = view.width + ' / ' + view.height;
  figure.classList.toggle('is-done', frame.done);
  showBefore(figure, frame.done ? view.before : '');
  const told = frame.note || (frame.seed === null ? '' : say('seed') + ' ' + frame.seed);
  figure.querySelector('figcaption span').textContent = told + (frame.score === null ? '' : ' · ' + frame.score.toFixed(2));
  figure.querySelector('figcaption span').title = frame.score === null ? '' : say('score');
  const making = figure.querySelector('.live-making');
  making.hidden = !frame.trajectory;
  making.dataset.animation = frame.trajectory;
  download.hidden = !frame.done;
  figure.querySelector('.live-send').hidden = !frame.done;
  if (frame.done) {
    download.href = frame.source;
    const number = frame.note ? '-' + (view.frames.indexOf(frame) + 1) : ''; // pictures of one seed
    download.download = 'latent-studio-' + frame.seed + number + '.png';
  }
}

// What the picture was made from, on the left of a line that the slider moves.
function showBefore(figure, source) {
  const shown = figure.querySelector('.live-before');
  if (shown && shown.getAttribute('src') === source) return;
  for (const old of figure.querySelectorAll('.live-before, .live-split')) old.remove();
  figure.classList.toggle('has-before', Boolean(source));
  if (!source) return;
  const before = document.createElement('img');
  before.className = 'live-before';
  before.src = source;
  before.alt = '';
  const split = document.createElement('input');
  split.type = 'range';
  split.className = 'live-split';
  split.setAttribute('aria-label', say('split'));
  split.addEventListener('input', () => figure.style.setProperty('--split', split.value + '%'));
  figure.querySelector('.live-open').append(before);
  figure.querySelector('.live-open').after(split);
}

function showDeviation(source) {
  deviation.hidden = !source;
  const image = deviation.querySelector('img');
  if (source && image.getAttribute('src') !== source) image.src = source;
  if (!source) image.removeAttribute('src');
}

function showAnimation(asked) {
  animation.hidden = !asked;
  const image = animation.querySelector('img');
  if (!asked) {
    image.removeAttribute('src');
    return;
  }
  if (image.getAttribute('src') !== animationUrl('animation.webp', asked)) image.src = animationUrl('animation.webp', asked);
  animation.querySelector('figcaption').replaceChildren(say('animation'), ...formatLinks(asked));
}

// Of several pictures with scores, the best may come first.
function order(view) {
  const scores = view.frames.map((frame) => (frame.score === null ? -Infinity : frame.score));
  best.hidden = scores.filter(Number.isFinite).length < 2;
  const isRanked = !best.hidden && best.querySelector('input').checked;
  const highest = Math.max(...scores);
  view.frames.forEach((frame, index) => {
    const figure = frames.children[index];
    figure.style.order = isRanked ? scores.filter((score) => score > scores[index]).length : '';
    figure.classList.toggle('is-best', !best.hidden && scores[index] === highest);
  });
}

function columns(view) {
  const most = view.width > 1.7 * view.height ? 2 : 4;
  return Math.min(most, view.frames.length < 2 ? 1 : view.frames.length < 5 ? 2 : view.frames.length < 10 ? 3 : 4);
}

// What is asked for is on its way to the engine; until there is a job, whatever was there stays.
function prepare(isPreparing) {
  root.dataset.preparing = String(isPreparing);
  if (!isPreparing) return show(shown);
  status.textContent = say('preparing');
  root.setAttribute('aria-busy', 'true');
}

function show(view) {
  shown = view;
  root.dataset.preparing = String(isOnItsWay(view));
  root.dataset.state = view.state;
  root.dataset.count = view.frames.length;
  root.dataset.blank = String(view.frames.length === 0);
  root.style.setProperty('--columns', columns(view));
  root.style.setProperty('--ratio', view.width / view.height);
  while (frames.children.length > view.frames.length) frames.lastChild.remove();
  while (frames.children.length < view.frames.length) frames.append(makeFrame());
  view.frames.forEach((frame, index) => showFrame(frames.children[index], frame, view));
  showDeviation(view.deviation);
  showAnimation(view.animation);
  order(view);
  bar.style.width = view.state === 'running' ? 100 * view.share + '%' : '0';
  const text = statusText(view) + notes(view);
  if (status.textContent !== text) status.textContent = text;
  root.setAttribute('aria-busy', String(ACTIVE.includes(view.state)));
}

root.setAttribute('aria-label', say('region'));
root.querySelector('.live-empty-title').textContent = say('empty');
root.querySelector('.live-empty-hint').textContent = say('empty_hint');
deviation.querySelector('figcaption').textContent = deviation.querySelector('img').alt = say('deviation');
best.querySelector('span').textContent = say('best');
best.querySelector('input').addEventListener('change', () => order(shown));
animation.querySelector('img').alt = say('animation');
root.querySelector('.live-close').textContent = say('close');
root.querySelector('.live-close').addEventListener('click', () => large.close());
large.addEventListener('click', (event) => event.target === large && large.close());
// What the server sends before this view is listening is lost, so it asks, until it is answered, for what it missed.
let isAnswered = false;
watch('value', () => {
  isAnswered = true;
  if ('preparing' in props.value) return prepare(props.value.preparing);
  // A greeting that says there is nothing, and was overtaken by a job of this page, is old news.
  if (props.value.greeting && props.value.state === 'empty' && root.dataset.state !== 'empty') return;
  show(props.value);
});
function ask() {
  if (isAnswered || !element.isConnected) return;
  trigger('ready');
  setTimeout(ask, 2000);
}
show(props.value);
setTimeout(ask);
