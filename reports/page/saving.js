// ---- saving: the view as a contact sheet, its pictures as a ZIP, its table as CSV; what the browser cannot read the
// command line can, and the dialog says how

const SAVING_KEY = 's';
const DISK_WORDS = 'A page that was opened from a disk may show pictures and not read them. Let it read its folder, or use the commands below.';

/**
 * The dialog, made when it is first asked for and gone when it is closed.
 * @param {object} book
 * @param {object} ratings
 * @param {() => object} scene
 */
function wireSaving(book, ratings, scene) {
  const button = part('save-open');
  button.hidden = !book.count;
  const open = () => {
    if (!book.count || document.querySelector('dialog[open]')) return;
    const dialog = make('dialog', { id: 'save', 'aria-labelledby': 'save-title' });
    const work = createWork(dialog);
    document.body.append(dialog);
    dialog.addEventListener('close', () => {
      work.end();
      dialog.remove();
    });
    fillSaving(dialog, book, ratings, scene(), work);
    dialog.showModal();
  };
  button.addEventListener('click', open);
  onKey(SAVING_KEY, open);
}

function fillSaving(dialog, book, ratings, scene, work) {
  const frames = viewFrames(book, scene);
  const first = frames.find(({ position }) => position >= 0);
  const readable = !first || isReadable(book, first);
  const again = () => {
    fillSaving(dialog, book, ratings, scene, work);
    (dialog.querySelector('.strong:enabled') ?? dialog.querySelector('#save-close')).focus();
  };
  const close = make('button', { type: 'button', id: 'save-close', class: 'plain' }, 'Close');
  close.addEventListener('click', () => dialog.close());
  const lending = readable ? [] : [make('div', { class: 'save-lend' }, make('p', {}, DISK_WORDS), lendButton(again))];
  dialog.replaceChildren(
    make('div', { class: 'block-head' }, make('h2', { id: 'save-title' }, 'Save'), close),
    ...lending,
    sheetSection(book, scene, frames, readable, work),
    parcelSection(book, ratings, scene, frames, readable, work),
    ...(book.columns.length ? [tableSection(book, ratings, frames, work)] : []),
    work.line,
  );
}

/** The frames that a view shows, line by line. @returns {Frame[]} */
function viewFrames(book, scene) {
  const { rows, columns } = scene.arrangement;
  return rows.flatMap((_, row) => columns.flatMap((__, column) => framesOf(book, shownTiles(book, scene, row, column))));
}

// -- the three things

function sheetSection(book, scene, frames, readable, work) {
  const sizes = make('select', { id: 'save-size' }, ...SHEET_SIZES.map((size) => make('option', { value: size }, `${size} pixels`)));
  sizes.value = 256;
  const said = make('p', { class: 'quiet', role: 'status' });
  const button = saveButton('Save PNG', () => work.run(button, (signal, tell) => saveSheet(book, scene, Number(sizes.value), signal, tell)));
  const command = commandLine(() => sheetCommand(book, scene.view, Number(sizes.value)), !readable);
  const follow = () => {
    const { pages } = paginate(book, scene, Number(sizes.value));
    const many = pages.length > SHEET.pages;
    said.textContent = !frames.length ? 'Nothing is in view.' : many
      ? `${counted(pages.length)} pages, at most ${SHEET.pages} are made: choose a smaller size, or show fewer cells.`
      : pages.length > 1 ? `${pages.length} pages, together in a ZIP.` : `One page of ${counted(pages[0].width)} × ${counted(pages[0].height)} pixels.`;
    button.disabled = !readable || !frames.length || many;
    command.update();
  };
  sizes.addEventListener('change', follow);
  follow();
  return section('Contact sheet', 'The view as a picture, with its labels.', [
    make('label', { class: 'choice' }, make('span', {}, 'Pictures of'), sizes), button,
  ], said, command.element);
}

function parcelSection(book, ratings, scene, frames, readable, work) {
  const pinned = pinnedFrames(book, scene.view);
  const sources = [['all in view', frames], ...(pinned.length ? [['pinned', pinned]] : [])].map(([words, found]) => [words, parcelFrames(book, found)]);
  const chosen = make('select', { id: 'save-which' }, ...sources.map(([words, found], place) => make('option', { value: place }, `${words}: ${counted(found.length)}`)));
  chosen.value = sources.length - 1;
  const said = make('p', { class: 'quiet', role: 'status' });
  const taken = () => sources[chosen.value][1];
  const button = saveButton('Save ZIP', () => work.run(button, (signal, tell) => saveParcel(book, ratings, taken(), signal, tell)));
  const command = commandLine(() => exportCommand(book, scene.view, taken(), sources[chosen.value][0] === 'pinned'), !readable);
  const follow = () => {
    const problem = parcelProblem(book, taken());
    said.textContent = problem || (!taken().length ? 'No picture is in view.' : readable ? contentWords(book, taken()) : '');
    button.disabled = !readable || !taken().length || problem !== '';
    command.update();
  };
  chosen.addEventListener('change', follow);
  follow();
  return section('Pictures', 'A ZIP of files with readable names, the request of each beside it, and their table.', [
    make('label', { class: 'choice' }, make('span', {}, 'Take'), chosen), button,
  ], said, command.element);
}

/** What a ZIP holds: the files as they were made, or what a browser can give of them. */
function contentWords(book, [{ tile, position }]) {
  const picture = book.picture(tile, position);
  if (picture.small) return 'This page holds small copies alone: they are what the ZIP gets. The command gives the files.';
  if (heldFile(picture.original)) return 'The files as they were made.';
  return 'Over http a page sees pixels, not files: each picture is written as a PNG anew. The command gives the files themselves.';
}

function tableSection(book, ratings, frames, work) {
  const rows = `${counted(frames.length)} row${frames.length === 1 ? '' : 's'}`;
  const button = saveButton('Save CSV', () => work.run(button, async () => {
    offer(`${fileStem(book)}-table.csv`, csvOf(book, ratings, frames), 'text/csv');
    return `Saved ${rows}.`;
  }));
  button.disabled = !frames.length;
  return section('Table', 'The cells in view as CSV, in the columns of results.csv; no text in it is a formula.', [
    make('span', { class: 'quiet' }, rows), button,
  ]);
}

function section(title, words, controls, ...rest) {
  return make('section', {}, make('h3', {}, title), make('p', {}, words), make('div', { class: 'save-controls' }, ...controls), ...rest);
}

function saveButton(words, action) {
  const button = make('button', { type: 'button', class: 'plain strong' }, words);
  button.addEventListener('click', action);
  return button;
}

/** A command to copy, with what it leaves out; open where the page cannot do the same. */
function commandLine(command, open) {
  const text = make('code', {});
  const apart = make('p', { class: 'quiet' });
  const button = make('button', { type: 'button', class: 'copy' }, 'copy');
  button.addEventListener('click', () => copy(text.textContent, text, button, 'copy'));
  const element = make('details', { class: 'save-command', open }, make('summary', {}, 'From the command line'),
    make('div', { class: 'save-line' }, text, button), apart);
  const update = () => {
    const { line, apart: words } = command();
    text.replaceChildren(...line.split(' ').flatMap((word, place) => [place ? ' ' : '', make('span', {}, word)]));
    apart.textContent = words;
  };
  return { element, update };
}

// -- work that takes a while

/** One piece of work at a time: says how far it is, ends when it is told to, and says what went wrong. */
function createWork(dialog) {
  const far = make('span', { class: 'quiet' });
  const said = make('span', { role: 'status' });
  const stop = make('button', { type: 'button', class: 'plain outlined', hidden: true }, 'Stop');
  const line = make('p', { class: 'save-work' }, far, said, stop);
  let ending = null;
  stop.addEventListener('click', () => ending?.abort());

  async function run(button, work) {
    if (ending) return;
    ending = new AbortController();
    const { signal } = ending;
    stop.hidden = false;
    said.textContent = '';
    dialog.setAttribute('aria-busy', true);
    try {
      said.textContent = await work(signal, (words) => { far.textContent = words; });
    } catch (error) {
      said.textContent = signal.aborted ? 'Stopped.' : `Not saved: ${error.message}.`;
    }
    ending = null;
    far.textContent = '';
    if (stop.contains(document.activeElement)) button.focus();
    stop.hidden = true;
    dialog.setAttribute('aria-busy', false);
  }

  return { line, run, end: () => ending?.abort() };
}

async function saveSheet(book, scene, size, signal, tell) {
  const { sheet, pages } = paginate(book, scene, size);
  const archive = createArchive();
  const stem = `${fileStem(book)}-sheet`;
  for (const [place, page] of pages.entries()) {
    tell(pages.length > 1 ? `Page ${place + 1} of ${pages.length} …` : 'Drawing …');
    const ending = pages.length > 1 ? `(${place + 1} of ${pages.length})` : '';
    const canvas = await drawSheet(book, scene, sheet, page, ending, signal);
    const png = withTexts(await canvasPng(canvas), sheetTexts(book, scene.view, place + 1, pages.length));
    signal.throwIfAborted();
    if (pages.length === 1) {
      offer(`${stem}.png`, png, 'image/png');
      return 'Saved one page.';
    }
    await archive.add(place ? `${stem}-${place + 1}.png` : `${stem}.png`, png);
  }
  offer(`${stem}.zip`, archive.close(), 'application/zip');
  return `Saved ${pages.length} pages.`;
}

/** What a sheet says of itself, by keyword, as `sweep sheet` writes it. */
function sheetTexts(book, view, page, pages) {
  const roles = ROLES.filter((role) => view[role] !== NOWHERE).map((role) => [role, book.axes[view[role]].name]);
  const held = fixedAxes(book, view).map((axis) => [book.axes[axis].name, book.axes[axis].labels[view.held[axis]]]);
  const facts = { held: Object.fromEntries(held), page, pages, plan: book.plan, roles: Object.fromEntries(roles), run: book.name, view: spellView(book, view) };
  return { Title: book.heading, Software: 'sweeprunner', sweeprunner: JSON.stringify(facts) };
}

async function saveParcel(book, ratings, frames, signal, tell) {
  const zip = await packParcel(book, ratings, frames, (done) => tell(`${counted(done)} of ${counted(frames.length)} pictures …`), signal);
  signal.throwIfAborted();
  offer(`${fileStem(book)}-pictures.zip`, zip, 'application/zip');
  return `Saved ${counted(frames.length)} picture${frames.length === 1 ? '' : 's'}.`;
}
