// ---- commands: what to type for the same sheet, the same pictures, without this page
//
// What the command line has no words for (an order, a filter by a number or a state) is told beside the command.

const SAFE_WORD = /^[\w@%+=:,./-]+$/;
const SAFE_NAME = /^[^<>=!\s,]+$/;

/** Words as a POSIX shell takes them. */
function shellLine(words) {
  return words.map((word) => (SAFE_WORD.test(word) ? word : quoted(word))).join(' ');
}

/** Where the run folder is: above a page that was opened from it, else where runs of this name usually lie. */
function runFolder(book) {
  if (location.protocol !== 'file:' || book.single) return `runs/${book.name}`;
  const path = decodeURIComponent(new URL('..', location.href).pathname).replace(/\/$/, '');
  return path.replace(/^\/(?=[A-Za-z]:)/, '');
}

/** The command that draws a view, and what it leaves out. @returns {{line: string, apart: string}} */
function sheetCommand(book, view, size) {
  const roles = ROLES.filter((role) => view[role] !== NOWHERE).flatMap((role) => [`--${role}`, book.axes[view[role]].name]);
  const placed = placedAxes(view);
  const held = heldAxes(book, view);
  const at = isList(view) ? [] : book.axes.flatMap(({ name, labels }, axis) => {
    if (labels.length < 3 || placed.includes(axis)) return [];
    const free = !held.includes(axis) || view.held[axis] === ALL;
    return ['--at', `${name}=${free ? '*' : labels[view.held[axis]]}`];
  });
  const { only, apart } = portableFilter(book, view, shownTerms(book, view));
  const missing = [isList(view) ? 'the list' : (view.sort || isReordered(book, view)) && 'the order', view.paint && 'the colours', view.versus && 'the baseline', ...apart];
  return {
    line: shellLine(['sweep', 'sheet', runFolder(book), ...roles, ...at, ...(only ? ['--only', only] : []), '--size', String(size), '--out', `${fileStem(book)}-sheet.png`]),
    apart: missing.some(Boolean) ? `The command leaves out ${listed(missing.filter(Boolean))}.` : '',
  };
}

/** The command that writes some frames' pictures into a ZIP, and how its cells differ from theirs. */
function exportCommand(book, view, frames, pinned) {
  const { only } = pinned ? { only: pinnedFilter(book, frames) } : portableFilter(book, view, [...heldTerms(book, view), ...shownTerms(book, view)]);
  const wanted = new Set(frames.map(({ tile }) => book.digest(tile)));
  const { mask } = only ? openFilter(book, only) : { mask: null };
  const taken = new Set();
  for (let tile = 0; tile < book.count; tile += 1) if ((!mask || mask[tile]) && book.pictureCount(tile)) taken.add(book.digest(tile));
  return {
    line: shellLine(['sweep', 'export', runFolder(book), '--format', 'zip', ...(only ? ['--only', only] : []), '--out', `${fileStem(book)}-pictures.zip`]),
    apart: taken.size === wanted.size ? '' : `The command takes ${counted(taken.size)} cells, these ${counted(wanted.size)} among them.`,
  };
}

/** Terms that the command line reads, of the view's own filter and some others; and what it has no words for. */
function portableFilter(book, { only, show }, terms = []) {
  const known = new Set([...book.axes.map(({ name }) => name), ...book.request.names]);
  const { problem } = only ? filterOf(book, only) : { problem: '' };
  const own = problem ? [] : termsOf(only);
  const readable = own.filter(({ name }) => known.has(name));
  const decided = new Set(terms.flatMap(termsOf).map(({ name }) => name));
  const kept = readable.filter(({ name, sign }) => sign !== '=' || !decided.has(name)).map(({ written }) => written);
  const apart = [readable.length < own.length && 'the filter by numbers', show.size > 0 && 'the filter by state'];
  return { only: [...terms, ...kept].join(', '), apart };
}

/** Whether the reader has put the points of some axis in another order. */
function isReordered(book, view) {
  return book.axes.some((_, axis) => shownDigits(book, view, axis).some((digit, place, all) => place && digit < all[place - 1]));
}

/** Terms for the points that are shown of axes of which some are hidden, and which the filter says nothing of. */
function shownTerms(book, view) {
  const held = new Set(fixedAxes(book, view));
  const named = new Set(termsOf(view.only).filter(({ sign }) => sign === '=').map(({ name }) => name));
  return book.axes.flatMap(({ name, labels, partial }, axis) => {
    const shown = shownDigits(book, view, axis);
    const told = held.has(axis) || partial || shown.length === labels.length - 1;
    return told || named.has(name) ? [] : pointTerm(book, axis, shown);
  });
}

function heldTerms(book, view) {
  return fixedAxes(book, view).flatMap((axis) => (book.axes[axis].partial ? [] : pointTerm(book, axis, [view.held[axis]])));
}

/** The points of the axes at which some frames lie. */
function pinnedFilter(book, frames) {
  return book.axes.flatMap(({ digits, labels }, axis) => {
    const points = [...new Set(frames.map(({ tile }) => digits[tile]))];
    return labels.length < 3 || points.includes(0) || points.length === labels.length - 1 ? [] : pointTerm(book, axis, points);
  }).join(', ');
}

/** The term for some points of an axis, none where its name would be read as something else. */
function pointTerm(book, axis, points) {
  const { name, labels } = book.axes[axis];
  return SAFE_NAME.test(name) ? [`${name}=${points.map((digit) => spelledValue(labels[digit])).join('|')}`] : [];
}

/** What files of this run are called. */
function fileStem(book) {
  return plainName(book.name) || 'run';
}

function listed(words) {
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : words.join('');
}
