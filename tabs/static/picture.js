// A picture that is brought, to be worked on as a whole. props.value = {source: {digest, width, height, url} or null}; what
// the server sends carries a stamp of its own, and may hold a note to show under the picture.
let source = null;

async function load(next) {
  source = next;
  await showPicture(source);
  handOver({ source });
}

function take(value) {
  if (value.note !== undefined) find('.picture-note').textContent = value.note;
  if (value.source) return load(value.source);
  if (value.empty) {
    source = null;
    root.dataset.state = 'empty';
  }
  props.value = { source }; // without an input event, which would ask for a note again
}

function remove() {
  source = null;
  root.dataset.state = 'empty';
  find('.picture-note').textContent = '';
  handOver({ source });
  find('.editor-choose').focus();
}

const choose = find('[data-act=choose]');
find('[data-act=remove]').textContent = say('remove');
find('[data-act=remove]').addEventListener('click', remove);
find('.editor-hint').textContent = say('hint');
choose.textContent = find('.editor-choose').textContent = say('choose');
for (const button of [find('.editor-choose'), choose]) button.addEventListener('click', () => find('.editor-file').click());
takeFiles(async (file) => {
  const next = await bring('', file);
  if (next) await load(next);
});
takeNews(take);
