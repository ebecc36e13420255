// Drafts while typing. `props.value.picture` is what tabs/drafts.py gives: an address, or nothing.
const words = props.words[(navigator.language || 'en').slice(0, 2)] || props.words.en;
const box = element.querySelector('.drafts-switch input');
const picture = element.querySelector('.drafts-picture');
const desk = element.closest('.studio-desk');
const PAUSE = 200; // milliseconds without a key, after which a draft is worth drawing
let waiting = 0;

function show() {
  const source = box.checked ? props.value.picture : '';
  picture.hidden = !source;
  if (source) picture.src = source;
}

function ask() {
  clearTimeout(waiting);
  if (!box.checked) return;
  waiting = setTimeout(() => desk.querySelector('#prompt textarea').value.trim() && trigger('draft'), PAUSE);
}

element.querySelector('.drafts-switch span').textContent = words.draft;
element.querySelector('.drafts-switch').title = words.draft_hint;
picture.alt = words.draft_picture;
box.addEventListener('change', () => (show(), ask()));
desk.addEventListener('input', (event) => event.target.matches('#prompt textarea') && ask());
watch('value', show);
show();
