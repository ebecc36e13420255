// The gallery. `props.value` is what tabs/gallery.py gives: a page of pictures, to replace what is shown or to follow it.
// Texts go in as text, never as markup.
const root = element.querySelector('.gallery');
const find = (selector) => root.querySelector(selector);
const words = props.words[(navigator.language || 'en').slice(0, 2)] || props.words.en;
const grid = find('.gallery-grid');
const large = find('.gallery-large');
const chosenBar = find('.gallery-chosen');
const undo = find('.gallery-undo');
const NARROW = 760; // pixels; a phone
const LOOK_AGAIN = 2000; // milliseconds, while pictures are still being looked at
const SETTLED = 400; // milliseconds
const AHEAD = 800; // pixels below the window
const PATIENCE = 10_000; // milliseconds; an answer that never comes does not end the scrolling
const KEPT = 20_000; // milliseconds for which an answer that was read before may still arrive
const COLUMNS = props.columns; // what can be said of a picture; see studio/gallery/columns
const FLAGS = COLUMNS.filter((column) => column.kind === 'flag');
const FIELDS = COLUMNS.filter((column) => column.kind !== 'flag');
const FILTERED = COLUMNS.filter((column) => column.filter);
const TASKS = ['text_to_image', 'layout_to_image', 'inpaint', 'super_resolve', 'vary', 'forward_process'];
let pictures = [];
let hasMore = false;
let askedAt = -Infinity; // when a page of pictures was asked for that is still to come
let shown = null;
let current = null; // the picture that is shown
let undone = [];
let polling = null;
let treeOf = null;
let like = null;
let saving = null;
let stamp = null;
const chosen = new Set();
const said = new Map(); // the marks that were sent last, by picture: { marks, until }

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

const columnOf = (action) => COLUMNS.find((column) => column.actions.includes(action));
const fieldOf = (column) => find('.gallery-marks [name=' + column.name + ']');
const isOn = (selector) => find(selector).getAttribute('aria-pressed') === 'true';

// The beginning of a day that a person names, in seconds, or of the day after it.
function day(selector, later) {
  const given = find(selector).value;
  return given ? new Date(given + 'T00:00').getTime() / 1000 + (later ? 86400 : 0) : null;
}

function wanted(before) {
  const told = {
    words: find('.gallery-words').value,
    task: find('.gallery-task').value,
    since: day('.gallery-since'),
    until: day('.gallery-until', true),
    like,
    shows: isOn('.gallery-shows'),
  };
  for (const { kind, filter } of FILTERED) {
    told[filter] = kind === 'flag' ? isOn('.gallery-' + filter) : find('.gallery-' + filter).value;
  }
  return { ...told, deleted: isOn('.gallery-bin'), before: before || null };
}

const isAsking = () => performance.now() - askedAt < PATIENCE;

function ask(before) {
  askedAt = performance.now();
  trigger('ask', wanted(before));
}

function act(what, ids, more = {}) {
  if (!ids.length) return;
  if (what !== 'mark') saveNow();
  if (FIELDS.includes(columnOf(what))) ids.forEach((id) => said.delete(id));
  if (what !== 'mark') askedAt = performance.now(); // whose answer brings no pictures
  chosen.clear();
  undone = what === 'delete' ? ids : [];
  undo.hidden = !undone.length;
  undo.firstElementChild.textContent = say('deleted', { count: undone.length });
  trigger('do', { what, ids, wanted: wanted(), ...more });
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
  const symbols = FLAGS.filter((flag) => picture[flag.name]).map((flag) => flag.symbol).join('');
  if (symbols) one.append(make('span', 'gallery-star', symbols));
  return one;
}

function choose(id, isChosen) {
  if (isChosen) chosen.add(id);
  else chosen.delete(id);
  paintChosen();
}

function lookAlike(id) {
  like = id;
  find('.gallery-like').hidden = !id;
  ask();
}

function paintChosen() {
  chosenBar.hidden = !chosen.size;
  find('.gallery-chosen-count').textContent = say('chosen', { count: chosen.size });
  for (const one of grid.children) {
    one.classList.toggle('is-chosen', chosen.has(one.dataset.id));
    one.querySelector('input').checked = chosen.has(one.dataset.id);
  }
  find('[data-do=compare]').hidden = chosen.size !== 2;
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
    weights: picture.revision,
    seconds: picture.seconds === null ? null : picture.seconds.toFixed(1) + ' s',
  };
  return Object.entries(given).filter(([, value]) => value !== null && value !== '');
}

async function copy(text, target) {
  await navigator.clipboard?.writeText(text).catch(() => null);
  target.textContent = '✓ ' + target.textContent.replace('✓ ', '');
}

function show(id) {
  saveNow();
  const picture = pictures.find((each) => each.id === id);
  if (!picture) return large.close();
  shown = id;
  current = picture;
  find('.gallery-large img').src = 'studio/pictures/' + id + '.png';
  find('.gallery-large img').alt = picture.text;
  find('.gallery-text').textContent = picture.text || say('wordless');
  find('.gallery-facts').replaceChildren(...facts(picture).flatMap(([key, value]) => [make('dt', '', say('fact_' + key)), make('dd', '', value)]));
  const link = make('a', 'gallery-zip', say('download'));
  link.href = 'studio/pictures/' + id + '.png';
  link.download = '';
  const copies = [['copy_prompt', picture.text], ['copy_seed', picture.seed]].map(([key, text]) => button(say(key), (event) => copy(text, event.target)));
  const deleted = isOn('.gallery-bin');
  const send = make('select');
  send.append(new Option(words.gallery_send, ''), ...(props.takers || []).map((tab) => new Option(words['tab_' + tab], tab)));
  send.addEventListener('change', () => (large.close(), trigger('send', { id, to: send.value })));
  find('.gallery-acts').replaceChildren(
    button(say('use'), () => (large.close(), trigger('use', { id })), 'is-first'),
    ...FLAGS.map((flag) => {
      const action = flag.actions[picture[flag.name] ? 1 : 0];
      return button(say(action), () => (large.close(), act(action, [id])));
    }),
    send,
    button(say('alike'), () => (large.close(), lookAlike(id))),
    button(say('replay'), () => trigger('replay', { id })),
    ...copies,
    link,
    button(deleted ? say('restore') : say('delete'), () => (large.close(), act(deleted ? 'restore' : 'delete', [id]))),
  );
  for (const column of FIELDS) {
    const value = picture[column.name];
    fieldOf(column).value = column.kind === 'words' ? value.join(', ') : value;
  }
  find('.gallery-verdict').hidden = true;
  find('.gallery-tree').replaceChildren();
  treeOf = id;
  trigger('tree', { id });
  if (!large.open) large.showModal();
}

function written(column) {
  const text = fieldOf(column).value;
  return column.kind === 'words' ? text.split(/[,，、]/).map((word) => word.trim()).filter(Boolean) : text;
}

// What a person has said of the picture that is shown, once: when the fields have been left alone for a moment, or the
// picture is left. Several answers on their way at once could overtake each other.
function saveMarks() {
  clearTimeout(saving);
  saving = null;
  const picture = current; // which may be on the page no more
  if (!picture) return;
  const marks = Object.fromEntries(FIELDS.map((column) => [column.name, written(column)]));
  Object.assign(picture, marks);
  said.set(picture.id, { marks, until: performance.now() + KEPT });
  act('mark', [picture.id], { marks });
}

// A page of pictures may have been read before marks that were sent earlier were written.
function withWhatWasSaid(picture) {
  const last = said.get(picture.id);
  if (!last) return picture;
  if (last.until < performance.now()) said.delete(picture.id);
  else Object.assign(picture, last.marks);
  return picture;
}

function saveSoon() {
  clearTimeout(saving);
  saving = setTimeout(saveMarks, SETTLED);
}

function saveNow() {
  if (saving !== null) saveMarks();
}

function showTree(tree) {
  const line = find('.gallery-tree');
  line.replaceChildren();
  if (tree.length < 2 || !tree.some((each) => each.id === treeOf)) return;
  tree.forEach((each, at) => {
    if (at) line.append(make('span', '', each.parents.length ? '→' : '·'));
    const one = button('', () => {
      if (!pictures.some((known) => known.id === each.id)) pictures.push(each);
      show(each.id);
    });
    const image = make('img');
    image.src = 'studio/thumbnails/' + each.id + '.webp';
    image.alt = each.text;
    one.setAttribute('aria-current', String(each.id === treeOf));
    one.append(image);
    line.append(one);
  });
}

function showVerdict(replay) {
  if (replay.id !== shown) return;
  const verdict = find('.gallery-verdict');
  verdict.hidden = false;
  const values = { largest: replay.largest, share: (100 * (replay.share || 0)).toFixed(1) };
  if (replay.state === 'running') verdict.textContent = say('replaying');
  else verdict.textContent = replay.largest ? say('differs', values) + ' ' + say('because_' + replay.reason) : say('identical');
}

function compareTwo(ids) {
  const box = find('.gallery-compared');
  box.querySelectorAll('img').forEach((image, at) => (image.src = 'studio/pictures/' + ids[at] + '.png'));
  box.showModal();
}

// One line, asked for in a small window.
function askName(what, ids) {
  const box = find('.gallery-asked');
  const input = box.querySelector('input');
  box.querySelector('span').textContent = say(what);
  input.value = '';
  suggest(input, columnOf(what));
  box.querySelector('form').onsubmit = () => act(what, ids, { name: input.value });
  box.showModal();
}

function startExport(form, ids) {
  const recipes = !find('.gallery-bare input').checked;
  trigger('start', { what: 'export', form, recipes, ids, wanted: wanted() });
}

async function send(url, body) {
  const answer = await fetch(url, { method: 'POST', body }).catch(() => null);
  const told = answer ? await answer.json().catch(() => ({})) : {};
  if (answer && answer.ok) return told;
  showErrand({ state: 'failed', problem: told.error || say('unsent') });
  return null;
}

async function bring(file) {
  if (!file) return;
  if (file.name.toLowerCase().endsWith('.zip')) {
    showErrand({ state: 'running', done: 0, total: 0 });
    const told = await send('studio/imports', file);
    if (told) trigger('start', { what: 'import', upload: told.upload });
    return;
  }
  const told = await send('studio/recipes', file);
  if (!told) return;
  const box = find('.gallery-read');
  box.querySelector('h3').textContent = say('read', { program: told.program });
  box.querySelector('pre').textContent = told.text;
  box.querySelector('p').textContent = told.lost.length ? say('lost') : '';
  box.querySelector('ul').replaceChildren(...told.lost.map((each) => make('li', '', each)));
  box.querySelector('.is-first').onclick = () => (box.close(), trigger('use', { request: told.request }));
  box.showModal();
}

function showErrand(errand) {
  const box = find('.gallery-errand');
  const bar = box.querySelector('progress');
  const isOver = !['waiting', 'running'].includes(errand.state);
  box.hidden = errand.state === 'stopped';
  bar.hidden = isOver;
  bar.max = errand.total || 1;
  if (errand.total) bar.value = errand.done;
  else bar.removeAttribute('value');
  const told = errand.told || {};
  const taken = 'added' in told ? say('taken', { added: told.added, known: told.known, failed: told.failed }) : '';
  const lines = { failed: errand.problem, done: taken || say('exported', { count: errand.done }) };
  box.querySelector('span').textContent = lines[errand.state] || say('working', { done: errand.done, total: errand.total || '…' });
  box.title = (told.refused || []).join('\n');
  const link = box.querySelector('a');
  link.hidden = errand.state !== 'done' || !errand.hasFile;
  link.textContent = say('save');
  if (errand.id) link.href = 'studio/errands/' + errand.id + '/file';
  const end = box.querySelector('button');
  end.textContent = isOver ? '✕' : say('stop');
  end.setAttribute('aria-label', isOver ? say('close') : say('stop'));
  end.onclick = () => (isOver ? (box.hidden = true) : fetch('studio/errands/' + errand.id + '/stop', { method: 'POST' }));
}

// Asks how far it is until it is over; what an export made is then saved.
async function poll(errand) {
  if (polling === errand.id) return;
  polling = errand.id;
  for (;;) {
    const answer = await fetch('studio/errands/' + errand.id).catch(() => null);
    if (answer && answer.ok) {
      const state = { ...errand, ...(await answer.json()) };
      showErrand(state);
      if (!['waiting', 'running'].includes(state.state)) {
        if (state.state === 'done' && state.hasFile) find('.gallery-errand a').click();
        if ('added' in (state.told || {})) ask();
        return;
      }
    } else if (answer) return;
    await new Promise((resume) => setTimeout(resume, 300));
  }
}

// Lets a person choose among the names that other pictures have, or write a new one.
function suggest(input, column) {
  input.maxLength = column.longest;
  if (column.kind === 'choice') input.setAttribute('list', 'gallery-known-' + column.name);
  else input.removeAttribute('list');
}

function makeField(column) {
  const label = make('label');
  const field = make(column.kind === 'text' ? 'textarea' : 'input');
  field.name = column.name;
  if (column.kind === 'text') field.rows = 2;
  if (column.kind !== 'words') suggest(field, column);
  field.addEventListener('input', saveSoon);
  label.append(make('span', '', say(column.name)), field);
  find('.gallery-marks').append(label);
  if (column.kind !== 'choice') return;
  const known = make('datalist');
  known.id = 'gallery-known-' + column.name;
  find('.gallery-marks').append(known);
}

function makeFilter(column) {
  if (column.kind === 'flag') {
    const toggle = make('button', 'gallery-' + column.filter);
    toggle.type = 'button';
    toggle.setAttribute('aria-pressed', 'false');
    find('.gallery-bin').before(toggle);
    return;
  }
  const select = make('select', 'gallery-' + column.filter);
  select.hidden = true;
  select.setAttribute('aria-label', say('any_' + column.filter));
  find('.gallery-more .gallery-date').before(select);
}

function makeAction(column) {
  const made = make('button');
  made.type = 'button';
  made.dataset.do = column.actions[0];
  find('[data-do=compare]').before(made);
}

function fillChoice(selector, names, every) {
  const select = find(selector);
  const chosenName = select.value;
  select.hidden = !names.length;
  select.replaceChildren(new Option(every, ''), ...names.map((name) => new Option(name, name)));
  select.value = names.includes(chosenName) ? chosenName : '';
}

function step(by) {
  const at = pictures.findIndex((each) => each.id === shown) + by;
  if (at >= 0 && at < pictures.length) show(pictures[at].id);
  if (at >= pictures.length - 3) askForMore();
}

function askForMore() {
  const last = pictures[pictures.length - 1];
  if (hasMore && !isAsking() && last) ask([last.made, last.id]);
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

function fillNames(names) {
  for (const column of FIELDS.filter((each) => each.filter)) {
    const inUse = names[column.filter];
    fillChoice('.gallery-' + column.filter, inUse, say('any_' + column.filter));
    if (column.kind === 'choice') find('#gallery-known-' + column.name).replaceChildren(...inUse.map((name) => new Option(name, name)));
  }
}

function take() {
  const value = props.value;
  if (!value || !value.stamp || value.stamp === stamp) return;
  stamp = value.stamp;
  if (value.tree) showTree(value.tree);
  if (value.replay) showVerdict(value.replay);
  if (value.errand) poll(value.errand);
  if (value.names) fillNames(value.names);
  if (!value.pictures) return;
  if (value.pending) setTimeout(() => (like || isOn('.gallery-shows')) && !large.open && !chosen.size && ask(), LOOK_AGAIN);
  askedAt = -Infinity;
  hasMore = value.more;
  value.pictures.forEach(withWhatWasSaid);
  pictures = value.append ? pictures.concat(value.pictures) : value.pictures;
  if (!value.append) grid.replaceChildren();
  grid.append(...value.pictures.map(makeOne));
  if (value.interrupted) offer(value.interrupted);
  if (!value.append) {
    const counted = { count: pictures.length, all: value.found };
    find('.gallery-count').textContent = value.is_ordered ? say('closest', counted) : say('all', { count: value.found });
  }
  find('.gallery-empty').hidden = pictures.length > 0;
  paintChosen();
  requestAnimationFrame(look);
}

FIELDS.forEach(makeField);
FILTERED.forEach(makeFilter);
COLUMNS.filter((column) => column.actions.length).forEach(makeAction);
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
const selects = FILTERED.filter((column) => column.kind !== 'flag').map((column) => column.filter);
for (const name of ['task', ...selects, 'since', 'until']) find('.gallery-' + name).addEventListener('change', () => ask());
find('.gallery-since').previousElementSibling.textContent = say('since');
find('.gallery-until').previousElementSibling.textContent = say('until');
find('.gallery-more summary').textContent = say('more');
find('.gallery-more').open = window.innerWidth > NARROW;
find('.gallery-bare span').textContent = say('bare');
find('.gallery-form').append(...props.forms.map((form) => new Option(say('form_' + form), form)));
find('.gallery-form').setAttribute('aria-label', say('export'));
find('.gallery-form').value = 'archive';
find('.gallery-export').textContent = say('export');
find('.gallery-export').addEventListener('click', () => startExport(find('.gallery-form').value, [...chosen]));
const file = find('.gallery-file');
for (const name of ['open', 'import']) {
  find('.gallery-' + name).textContent = say(name);
  find('.gallery-' + name).addEventListener('click', () => file.click());
}
file.addEventListener('change', () => (bring(file.files[0]), (file.value = '')));
root.addEventListener('dragover', (event) => (event.preventDefault(), root.classList.add('is-dropping')));
root.addEventListener('dragleave', () => root.classList.remove('is-dropping'));
root.addEventListener('drop', (event) => {
  event.preventDefault();
  root.classList.remove('is-dropping');
  bring(event.dataTransfer.files[0]);
});
const compared = find('.gallery-compared');
compared.querySelector('input').setAttribute('aria-label', say('compare'));
compared.querySelector('input').addEventListener('input', (event) => compared.style.setProperty('--shown', event.target.value + '%'));
find('.gallery-asked button[type=submit]').textContent = say('done');
find('.gallery-read .is-first').textContent = say('use');
find('.gallery-like').textContent = say('like');
find('.gallery-like').addEventListener('click', () => lookAlike(null));
const toggles = FILTERED.filter((column) => column.kind === 'flag').map((column) => column.filter);
for (const name of [...toggles, 'bin', 'shows']) {
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
  each.addEventListener('click', () => {
    const ids = [...chosen];
    if (what === 'none') (chosen.clear(), paintChosen());
    else if (what === 'zip') startExport('archive', ids);
    else if (what === 'compare') compareTwo(ids);
    else if (FIELDS.includes(columnOf(what))) askName(what, ids);
    else act(what, ids);
  });
}
find('.gallery-empty').textContent = say('empty');
undo.querySelector('button').textContent = say('undo');
undo.querySelector('button').addEventListener('click', () => act('restore', undone));
for (const dialog of root.querySelectorAll('dialog')) {
  const close = dialog.querySelector('.gallery-close');
  close.textContent = '✕';
  close.setAttribute('aria-label', say('close'));
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}
large.addEventListener('close', saveNow);
large.addEventListener('keydown', (event) => {
  if (['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName)) return;
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
  if (seen.some((each) => each.isIntersecting) && !isAsking() && !large.open && !chosen.size) ask();
}).observe(root);
watch('value', take);
take();
