// ---- small: a cell as one element, where so many fit the window that each can tell little
//
// Pictures are the cell's own backgrounds, side by side where there are several; held against its baseline, a picture lies
// over that of the baseline, and a grey over both makes the difference three times as bright: dodged by 2/3, x becomes 3x.

const BRIGHTER = 'linear-gradient(rgb(170 170 170), rgb(170 170 170))';
const STATE_LETTERS = new Map([['refused', '/'], ['failed', '×'], ['unknown', '?'], ['pending', '·']]);

/**
 * Fills a box without making elements in it; what does not fit is said in words.
 * @param {HTMLElement} element
 * @param {number[]} tiles
 * @param {{zoom: number, width: number, height: number, versus: boolean}} room
 * @param {{text: string, words: string}|null} figure its number
 * @param {Element[]} marks that a larger cell would have
 */
function fillSmall(book, element, tiles, room, figure, marks) {
  const frames = framesOf(book, tiles);
  const said = marks.map((mark) => mark.getAttribute('aria-label'));
  element.classList.add('small');
  if (!frames.length) element.classList.add('vacant');
  else if (frames.every(({ position }) => position < 0)) element.append(stateLetter(book, element, tiles[0]));
  else showPictures(book, element, frames, room);
  if (figure) element.dataset.figure = figure.text;
  if (marks.length) element.classList.add('marked');
  if (marks.length && !element.title) element.title = said.join('\n');
  const count = frames.length > 1 ? [`${counted(frames.length)} pictures`] : [];
  const what = frames.length ? [book.title(tiles[0]), ...count, element.classList.contains('card') && element.title] : ['not in the plan'];
  element.setAttribute('aria-label', [...what, figure?.words, ...said].filter(Boolean).join(', '));
}

function stateLetter(book, element, tile) {
  const state = STATES[book.states[tile]];
  element.classList.add('card', `state-${state}`);
  element.title = wordsOfState(book, tile);
  return STATE_LETTERS.get(state) ?? '';
}

/** Pictures as backgrounds, as many as there is room for. */
function showPictures(book, element, frames, { zoom, width, height, versus }) {
  const { across, down } = mosaicOf(frames.length, mosaicMost(zoom));
  const shown = frames.slice(0, across * down);
  const slot = { width: width / across, height: height / down, longer: zoom / across };
  const layers = shown.flatMap((frame, place) => {
    if (frame.position < 0) return [];
    const corner = { left: (place % across) * slot.width, top: Math.floor(place / across) * slot.height };
    return layersOf(book, element, frame, { ...slot, ...corner }, versus);
  });
  const list = (name) => layers.map((layer) => layer[name]).join(', ');
  Object.assign(element.dataset, { across, down });
  Object.assign(element.style, {
    backgroundImage: list('image'),
    backgroundPosition: list('place'),
    backgroundSize: list('size'),
    backgroundBlendMode: list('blend'),
  });
}

/** What lies where a picture is, uppermost first. */
function layersOf(book, element, { tile, position }, { left, top, width, height, longer }, versus) {
  const picture = book.picture(tile, position);
  const scale = Math.min(longer / Math.max(picture.width, picture.height), width / picture.width, height / picture.height);
  const [wide, high] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  const where = { place: `${left + (width - wide) / 2}px ${top + (height - high) / 2}px`, size: `${wide}px ${high}px` };
  const own = { image: loaded(element, sourceOf(picture, longer)), blend: 'normal', ...where };
  const baseline = versus ? baselineFrame(book, tile) : null;
  element.classList.toggle('without', versus && !baseline);
  if (!baseline) return [own];
  const other = loaded(element, sourceOf(book.picture(baseline.tile, baseline.position), longer));
  return [{ ...own, image: BRIGHTER, blend: 'color-dodge' }, { ...own, blend: 'difference' }, { ...own, image: other }];
}

/** A picture as a CSS image; a cell whose file is missing says so. */
function loaded(element, address) {
  const image = new Image();
  image.addEventListener('error', () => {
    element.classList.add('card', 'state-unknown');
    element.style.backgroundImage = '';
    element.title = 'picture file not found';
    element.textContent = STATE_LETTERS.get('unknown');
  }, { once: true });
  image.src = address;
  return `url(${JSON.stringify(address)})`;
}

/** Which of its pictures lies under the pointer; undefined where the cell has one. */
function frameAt(cell, { clientX, clientY }) {
  const [across, down] = [Number(cell.dataset.across), Number(cell.dataset.down)];
  if (!(across * down > 1)) return undefined;
  const { left, top, width, height } = cell.getBoundingClientRect();
  const at = (share, count) => clamp(Math.floor(share * count), 0, count - 1);
  return at((clientY - top) / height, down) * across + at((clientX - left) / width, across);
}
