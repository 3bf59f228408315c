// ---- keys: what every key does, told when the reader asks with ?

/** Marks what means nothing where a run has no baseline. */
const OF_BASELINE = true;

const KEYS = [
  ['On the page', [
    ['C', 'compare what is pinned'],
    ['V', 'hold every cell against its baseline', OF_BASELINE],
    ['A', 'play through a held axis, or stop'],
    ['S', 'save the view: a picture, its files, its table'],
    ['?', 'these keys'],
  ]],
  ['On the grid', [
    ['← → ↑ ↓', 'to the next cell; with Shift to the next group'],
    ['Home End', 'to the first or last column; with Ctrl of all cells'],
    ['Page Up, Page Down', 'five rows up or down'],
    ['Enter', 'open the picture'],
    ['P', 'pin the cell, or unpin it'],
    ['1 to 5, 0', 'give stars, take them back'],
    ['X', 'reject the cell, or take that back'],
  ]],
  ['In the viewer', [
    ['← → ↑ ↓', 'to the next cell; with Shift to the next group'],
    [', .', 'the pictures of the cell'],
    ['B', 'while held: the picture pinned last, else the baseline'],
    ['P C V 0–5 X', 'as outside of it'],
  ]],
  ['Comparing', [
    ['S W F D', 'side by side, slider, flicker, difference'],
    ['+ − 0', 'closer, farther, all of it'],
    ['← → ↑ ↓', 'another part of the pictures; where all of it shows, the slider'],
    ['[ ]', 'the pair before, the next pair'],
    ['X', 'exchange A and B'],
    ['Space', 'let the flicker run, or stop it'],
  ]],
  ['Comparing blind', [
    ['← →', 'the left is better, the right is'],
    ['Space', 'they are alike'],
    ['U', 'take the last answer back'],
    ['R', 'the ranking'],
  ]],
];

/** Has ? and the button of that name show the keys. */
function wireKeys(book) {
  const dialog = part('keys');
  const known = (rows) => rows.filter(([, , baseline]) => !baseline || book.baseline.size);
  const open = () => {
    if (dialog.open) return;
    const close = make('button', { type: 'button', id: 'keys-close', class: 'plain' }, 'Close');
    close.addEventListener('click', () => dialog.close());
    const list = make('div', { id: 'keys-list' }, ...KEYS.map(([title, rows]) => keyTable(title, known(rows))));
    dialog.replaceChildren(make('div', { class: 'block-head' }, make('h2', { id: 'keys-title' }, 'Keys'), close), list);
    dialog.showModal();
  };
  part('keys-open').addEventListener('click', open);
  addEventListener('keydown', (event) => {
    if (event.key !== '?' || event.target.closest('input:not([type=range]), textarea, select')) return;
    event.preventDefault();
    open();
  });
  dialog.addEventListener('close', () => dialog.replaceChildren());
}

function keyTable(title, rows) {
  const lines = rows.flatMap(([keys, words]) => [make('dt', {}, make('kbd', {}, keys)), make('dd', {}, words)]);
  return make('section', {}, make('h3', {}, title), make('dl', { class: 'facts' }, ...lines));
}
