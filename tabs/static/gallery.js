// The gallery. `props.value` is what tabs/gallery.py gives: a page of pictures, to replace what is shown or to follow it.
// Texts go in as text, never as markup.
const root = element.querySelector('.gallery');
const find = (selector) => root.querySelector(selector);
const words = props.words[(navigator.language || 'en').slice(0, 2)] || props.words.en;
const grid = find('.gallery-grid');
const large = find('.gallery-large');
const chosenBar = find('.gallery-chosen');
const undo = find('.gallery-undo');
const MOST_IN_ZIP = 200;
const AHEAD = 800; // pixels below the window
const TASKS = ['text_to_image', 'layout_to_image', 'inpaint', 'super_resolve', 'vary', 'forward_process'];
let pictures = [];
let hasMore = false;
let isAsking = false;
let shown = null;
let undone = [];
let stamp = null;
const chosen = new Set();

function say(key, values = {}) {
  return words['gallery_' + key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, act, name) {
  const made = make('button', name, text);
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}

const isOn = (selector) => find(selector).getAttribute('aria-pressed') === 'true';

function wanted(before) {
  const told = { words: find('.gallery-words').value, task: find('.gallery-task').value };
  return { ...told, favourites: isOn('.gallery-favourites'), deleted: isOn('.gallery-bin'), before: before || null };
}

function ask(before) {
  isAsking = true;
  trigger('ask', wanted(before));
}

function act(what, ids) {
  if (!ids.length) return;
  isAsking = true;
  chosen.clear();
  undone = what === 'delete' ? ids : [];
  undo.hidden = !undone.length;
  undo.firstElementChild.textContent = say('deleted', { count: undone.length });
  trigger('do', { what, ids, wanted: wanted() });
}

function makeOne(picture) {
  const one = make('div', 'gallery-one');
  one.setAttribute('role', 'listitem');
  one.classList.toggle('is-missing', picture.missing);
  one.dataset.id = picture.id;
  const open = button('', () => show(picture.id));
  open.setAttribute('aria-label', picture.text || say('wordless'));
  const image = make('img');
  image.loading = 'lazy';
  image.decoding = 'async';
  image.alt = '';
  image.src = 'studio/thumbnails/' + picture.id + '.webp';
  open.append(image);
  const label = make('label');
  const box = make('input');
  box.type = 'checkbox';
  box.setAttribute('aria-label', say('choose'));
  box.addEventListener('change', () => choose(picture.id, box.checked));
  label.append(box);
  one.append(open, label);
  if (picture.favourite) one.append(make('span', 'gallery-star', '★'));
  return one;
}

function choose(id, isChosen) {
  if (isChosen) chosen.add(id);
  else chosen.delete(id);
  paintChosen();
}

function paintChosen() {
  chosenBar.hidden = !chosen.size;
  find('.gallery-chosen-count').textContent = say('chosen', { count: chosen.size });
  for (const one of grid.children) {
    one.classList.toggle('is-chosen', chosen.has(one.dataset.id));
    one.querySelector('input').checked = chosen.has(one.dataset.id);
  }
  const ids = [...chosen].slice(0, MOST_IN_ZIP);
  find('.gallery-zip').href = 'studio/export.zip?pictures=' + ids.join(',');
  find('[data-do=delete]').hidden = isOn('.gallery-bin');
  find('[data-do=restore]').hidden = !isOn('.gallery-bin');
}

function facts(picture) {
  const given = {
    made: new Date(picture.made * 1000).toLocaleString(),
    size: picture.width + ' × ' + picture.height,
    seed: picture.seed,
    sampler: picture.sampler + ', ' + picture.steps,
    guidance: picture.guidance,
    negative: picture.negative,
    model: picture.pack + (picture.hash ? ' (' + picture.hash + ')' : ''),
    seconds: picture.seconds === null ? null : picture.seconds.toFixed(1) + ' s',
  };
  return Object.entries(given).filter(([, value]) => value !== null && value !== '');
}

async function copy(text, target) {
  await navigator.clipboard?.writeText(text).catch(() => null);
  target.textContent = '✓ ' + target.textContent.replace('✓ ', '');
}

function show(id) {
  const picture = pictures.find((each) => each.id === id);
  if (!picture) return large.close();
  shown = id;
  find('.gallery-large img').src = 'studio/pictures/' + id + '.png';
  find('.gallery-large img').alt = picture.text;
  find('.gallery-text').textContent = picture.text || say('wordless');
  find('.gallery-facts').replaceChildren(...facts(picture).flatMap(([key, value]) => [make('dt', '', say('fact_' + key)), make('dd', '', value)]));
  const link = make('a', 'gallery-zip', say('download'));
  link.href = 'studio/pictures/' + id + '.png';
  link.download = '';
  const copies = [['copy_prompt', picture.text], ['copy_seed', picture.seed]].map(([key, text]) => button(say(key), (event) => copy(text, event.target)));
  const deleted = isOn('.gallery-bin');
  find('.gallery-acts').replaceChildren(
    button(say('use'), () => (large.close(), trigger('use', { id })), 'is-first'),
    button(picture.favourite ? say('unfavour') : say('favour'), () => (large.close(), act(picture.favourite ? 'unfavour' : 'favour', [id]))),
    ...copies,
    link,
    button(deleted ? say('restore') : say('delete'), () => (large.close(), act(deleted ? 'restore' : 'delete', [id]))),
  );
  if (!large.open) large.showModal();
}

function step(by) {
  const at = pictures.findIndex((each) => each.id === shown) + by;
  if (at >= 0 && at < pictures.length) show(pictures[at].id);
  if (at >= pictures.length - 3) askForMore();
}

function askForMore() {
  const last = pictures[pictures.length - 1];
  if (hasMore && !isAsking && last) ask([last.made, last.id]);
}

function offer(jobs) {
  const box = find('.gallery-interrupted');
  box.hidden = !jobs.length;
  const rows = jobs.map((job) => {
    const row = make('div');
    row.append(
      make('span', '', (job.text || words['tab_' + job.task]) + (job.count > 1 ? ' · ' + job.count : '')),
      button(say('again'), () => trigger('use', { id: job.id }), 'is-first'),
      button(say('dismiss'), () => act('dismiss', [job.id])),
    );
    return row;
  });
  box.replaceChildren(make('p', '', say('interrupted')), ...rows);
}

function take() {
  const value = props.value;
  if (!value || !value.pictures || value.stamp === stamp) return;
  stamp = value.stamp;
  isAsking = false;
  hasMore = value.more;
  pictures = value.append ? pictures.concat(value.pictures) : value.pictures;
  if (!value.append) grid.replaceChildren();
  grid.append(...value.pictures.map(makeOne));
  if (value.interrupted) offer(value.interrupted);
  if (!value.append) find('.gallery-count').textContent = value.all === undefined ? '' : say('all', { count: value.all });
  find('.gallery-empty').hidden = pictures.length > 0;
  paintChosen();
  requestAnimationFrame(look);
}

const search = find('.gallery-words');
let pause = null;
search.placeholder = say('search');
search.setAttribute('aria-label', say('search'));
search.addEventListener('input', () => {
  clearTimeout(pause);
  pause = setTimeout(ask, 250);
});
find('.gallery-task').append(new Option(say('any'), ''), ...TASKS.map((tab) => new Option(words['tab_' + tab], tab.replaceAll('_', '-'))));
find('.gallery-task').setAttribute('aria-label', say('any'));
find('.gallery-task').addEventListener('change', () => ask());
for (const name of ['favourites', 'bin']) {
  const toggle = find('.gallery-' + name);
  toggle.textContent = say(name);
  toggle.addEventListener('click', () => {
    toggle.setAttribute('aria-pressed', String(!isOn('.gallery-' + name)));
    chosen.clear();
    ask();
  });
}
for (const each of chosenBar.querySelectorAll('[data-do]')) {
  const what = each.dataset.do;
  each.textContent = say(what);
  each.addEventListener('click', () => (what === 'none' ? (chosen.clear(), paintChosen()) : act(what, [...chosen])));
}
chosenBar.querySelector('.gallery-zip').textContent = say('zip');
find('.gallery-empty').textContent = say('empty');
undo.querySelector('button').textContent = say('undo');
undo.querySelector('button').addEventListener('click', () => act('restore', undone));
const close = find('.gallery-close');
close.textContent = '✕';
close.setAttribute('aria-label', say('close'));
close.addEventListener('click', () => large.close());
large.addEventListener('click', (event) => event.target === large && large.close());
large.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowRight') step(1);
  if (event.key === 'ArrowLeft') step(-1);
});
grid.addEventListener('keydown', (event) => {
  const all = [...grid.querySelectorAll('.gallery-one > button')];
  const across = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
  const next = by && all[all.indexOf(document.activeElement) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
// Near the end of what is shown, the next page follows.
function look() {
  const end = find('.gallery-end').getBoundingClientRect();
  if (root.offsetParent !== null && end.top < window.innerHeight + AHEAD) askForMore();
}
window.addEventListener('scroll', look, { passive: true, capture: true });
// Whenever the tab comes into view it shows what there is now.
new IntersectionObserver((seen) => {
  if (seen.some((each) => each.isIntersecting) && !isAsking && !large.open && !chosen.size) ask();
}).observe(root);
watch('value', take);
take();
