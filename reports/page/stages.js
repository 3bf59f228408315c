// ---- stages: how each mode of comparing shows its pictures

const FLICKER = { least: 100, most: 2000, usual: 500 }; // milliseconds

const MODE_STAGES = { side: sideStage, wipe: wipeStage, flicker: flickerStage, difference: differenceStage };

/** A picture that fills its pane and follows the stage's lens. */
function panePicture(book, { tile, position }) {
  const { original, width, height } = book.picture(tile, position);
  const image = make('img', { class: 'pane-picture', alt: book.title(tile), width, height, draggable: 'false' });
  image.addEventListener('error', () => image.replaceWith(missingCard(book.picture(tile, position))), { once: true });
  image.src = original;
  return image;
}

function caption(words, letter = '') {
  const mark = letter ? [make('strong', {}, letter), ' '] : [];
  return make('figcaption', {}, ...mark, make('span', { class: 'label-text' }, ...breakable(words)));
}

function sideStage(book, { frames, titles }) {
  return frames.map((frame, place) => make('figure', {}, make('div', { class: 'pane' }, panePicture(book, frame)),
    caption(titles[place], frames.length === 2 ? 'AB'[place] : '')));
}

/** Two pictures over each other, and the words under them. */
function overlay(book, { frames, titles }, ...controls) {
  const [under, over] = frames.slice(0, 2).map((frame) => panePicture(book, frame));
  over.classList.add('over');
  const pane = make('div', { class: 'pane' }, under, over);
  const words = make('div', { class: 'pair-captions' }, caption(titles[0], 'A'), caption(titles[1], 'B'));
  return { pane, under, over, figure: make('figure', {}, pane, make('div', { class: 'stage-controls' }, ...controls), words) };
}

/** A lies over B as far as the slider says. */
function wipeStage(book, set) {
  const range = make('input', { type: 'range', class: 'wipe', min: 0, max: 100, step: 0.5, value: 50, 'aria-label': 'how much of A shows' });
  const { pane, under, figure } = overlay(book, set, range);
  pane.append(make('div', { class: 'wiped' }, under));
  const follow = () => pane.style.setProperty('--split', `${range.value}%`);
  range.addEventListener('input', follow);
  const handle = make('div', { class: 'wipe-handle' });
  handle.addEventListener('pointerdown', (event) => {
    event.stopPropagation();
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener('pointermove', (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    event.stopPropagation();
    const box = pane.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    follow();
  });
  pane.append(handle);
  follow();
  return [figure];
}

/** A and B in turns; it plays by itself unless the reader's system asks for less motion. */
function flickerStage(book, set, { play }) {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const button = make('button', { type: 'button', class: 'plain play', 'aria-pressed': !still, title: 'Space' }, 'Play');
  const turn = make('button', { type: 'button', class: 'plain turn' }, 'Turn');
  const { least, most, usual } = FLICKER;
  const pace = make('input', { type: 'range', min: least, max: most, step: 50, value: usual, 'aria-label': 'milliseconds each' });
  const said = make('output', {}, `${usual} ms`);
  const { over, figure, pane } = overlay(book, set, button, turn, pace, said);
  const letter = make('span', { class: 'pane-letter', 'aria-hidden': 'true' }, 'B');
  pane.append(letter);
  const flip = () => {
    over.hidden = !over.hidden;
    letter.textContent = over.hidden ? 'A' : 'B';
  };
  const run = () => play(flip, button.getAttribute('aria-pressed') === 'true' ? Number(pace.value) : 0);
  button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', button.getAttribute('aria-pressed') !== 'true');
    run();
  });
  turn.addEventListener('click', () => {
    button.setAttribute('aria-pressed', false);
    run();
    flip();
  });
  pace.addEventListener('input', () => {
    said.textContent = `${pace.value} ms`;
    run();
  });
  run();
  return [figure];
}

/** What B adds to A or takes from it, as light; a number where the pixels can be read. */
function differenceStage(book, set) {
  const [a, b] = set.frames.map(({ tile, position }) => book.picture(tile, position));
  const gain = make('input', { type: 'range', min: 1, max: 20, step: 1, value: 4, 'aria-label': 'how much the difference is amplified' });
  const said = make('output', {}, '4 times');
  const number = make('p', { class: 'difference-number', role: 'status' });
  const canvas = make('canvas', { class: 'pane-picture', width: a.width, height: a.height, role: 'img' });
  canvas.setAttribute('aria-label', `difference of ${set.titles[0]} and ${set.titles[1]}`);
  const follow = () => {
    canvas.style.filter = `brightness(${gain.value})`;
    said.textContent = `${gain.value} times`;
  };
  gain.addEventListener('input', follow);
  follow();
  drawDifference(canvas, a, b, number);
  const words = make('div', { class: 'pair-captions' }, caption(set.titles[0], 'A'), caption(set.titles[1], 'B'));
  const controls = make('div', { class: 'stage-controls' }, make('span', {}, 'amplified'), gain, said);
  return [make('figure', {}, make('div', { class: 'pane dark' }, canvas), controls, number, words)];
}

async function drawDifference(canvas, a, b, number) {
  const context = canvas.getContext('2d');
  try {
    const [under, over] = await Promise.all([openPicture(a.original), openPicture(b.original)]);
    context.drawImage(under, 0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = 'difference';
    context.drawImage(over, 0, 0, canvas.width, canvas.height);
  } catch {
    number.replaceChildren('a picture file is missing or broken: it is not in the run folder as it was made');
    return;
  }
  await tellDifference(a, b, number);
}

/** Says how far two pictures lie apart, or how the page may come to know. */
async function tellDifference(a, b, number) {
  if (a.original === b.original) {
    number.replaceChildren('the same file: every pixel is the same');
  } else if (canRead(a.original) && canRead(b.original)) {
    const [one, other] = await Promise.all([a, b].map(({ original }) => readPixels(original, a.width, a.height)));
    const { mean, share } = apart(one, other);
    const scaled = a.width === b.width && a.height === b.height ? '' : ', B scaled to A';
    number.replaceChildren(mean
      ? `mean difference ${mean.toFixed(2)} of 255, ${(100 * share).toFixed(1)}% of the pixels differ${scaled}`
      : `every pixel is the same${scaled}`);
  } else {
    number.replaceChildren('a page opened from a disk may show pictures and not read them. For a number: ',
      lendButton(() => tellDifference(a, b, number)));
  }
}
