// Ctrl+Enter (or Cmd+Enter) presses the visible Generate button, Esc the visible Stop button of the open tab.
() => {
  const press = (id) => {
    const button = [...document.querySelectorAll('#' + id)].find((each) => each.offsetParent !== null);
    if (button) button.click();
    return Boolean(button);
  };
  document.addEventListener('keydown', (event) => {
    if (event.isComposing || event.defaultPrevented) return; // a key of an input method, or one that closed a menu
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press('generate');
    } else if (event.key === 'Escape' && !document.querySelector('dialog[open]')) {
      press('stop');
    }
  });
}
