// A picture that is brought, to be worked on as a whole. props.value = {source: {digest, width, height, url} or null}; what
// the server sends carries a stamp of its own, and may hold a note to show under the picture. What is ``settled`` comes with
// all that follows from it; of anything else the page is told, so that it may follow.
let source = null;
const shown = () => ({ source, note: find('.picture-note').textContent });

async function load(next) {
  source = next;
  await showPicture(source);
  handOver(shown());
}

function take(value) {
  if (value.note !== undefined) find('.picture-note').textContent = value.note;
  if (value.source && !value.settled) return load(value.source);
  if (value.source) showPicture((source = value.source));
  if (value.empty) {
    source = null;
    root.dataset.state = 'empty';
  }
  props.value = shown(); // without an input event, which would ask for a note again
}

function remove() {
  source = null;
  root.dataset.state = 'empty';
  find('.picture-note').textContent = '';
  handOver(shown());
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
