// Takes a form back to what it held. `props.value.kept` is that, or nothing.
const words = props.words[(navigator.language || 'en').slice(0, 2)] || props.words.en;
const button = element.querySelector('.undo');
const show = () => (button.hidden = !props.value.kept);

button.textContent = '↶ ' + words.take_back;
button.addEventListener('click', () => trigger('undo'));
watch('value', show);
show();
