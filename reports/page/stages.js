// ---- stages: how each mode of comparing shows its pictures

const FLICKER = { least: 100, most: 2000 }; // milliseconds

/** What the reader sets and finds again at the next pair: share of A in hundredths, milliseconds, times brighter. */
const DIALS = { split: 50, pace: 500, gain: 4 };

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

/** A slider for one of the dials; `follow` is called with its value now and whenever it moves. */
function dial(dials, name, limits, label, follow) {
  const range = make('input', { type: 'range', id: `compare-${name}`, ...limits, value: dials[name], 'aria-label': label });
  range.addEventListener('input', () => {
    dials[name] = Number(range.value);
    follow(dials[name]);
  });
  return range;
}

/** A lies over B as far as the slider says. */
function wipeStage(book, set, { dials }) {
  const follow = (share) => pane.style.setProperty('--split', `${share}%`);
  const range = dial(dials, 'split', { class: 'wipe', min: 0, max: 100, step: 0.5 }, 'how much of A shows', follow);
  const { pane, under, figure } = overlay(book, set, range);
  pane.append(make('div', { class: 'wiped' }, under));
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
    range.dispatchEvent(new Event('input'));
  });
  pane.append(handle);
  follow(dials.split);
  return [figure];
}

/** A and B in turns; it plays by itself unless the reader's system asks for less motion. */
function flickerStage(book, set, { play, dials }) {
  const button = make('button', { type: 'button', id: 'compare-play', class: 'plain play', 'aria-pressed': dials.playing, title: 'Space' }, 'Play');
  const turn = make('button', { type: 'button', id: 'compare-turn', class: 'plain turn' }, 'Turn');
  const said = make('output', {}, `${dials.pace} ms`);
  const follow = (pace) => {
    said.textContent = `${pace} ms`;
    run();
  };
  const pace = dial(dials, 'pace', { min: FLICKER.least, max: FLICKER.most, step: 50 }, 'milliseconds each', follow);
  const { over, figure, pane } = overlay(book, set, button, turn, pace, said);
  const letter = make('span', { class: 'pane-letter', 'aria-hidden': 'true' }, 'B');
  pane.append(letter);
  const flip = () => {
    over.hidden = !over.hidden;
    letter.textContent = over.hidden ? 'A' : 'B';
  };
  const run = (playing = dials.playing) => {
    dials.playing = playing;
    button.setAttribute('aria-pressed', playing);
    play(flip, playing ? dials.pace : 0);
  };
  button.addEventListener('click', () => run(!dials.playing));
  turn.addEventListener('click', () => {
    run(false);
    flip();
  });
  run();
  return [figure];
}

/** What B adds to A or takes from it, as light; a number where the pixels can be read. */
function differenceStage(book, set, { dials }) {
  const [a, b] = set.frames.map(({ tile, position }) => book.picture(tile, position));
  const said = make('output', {});
  const number = make('p', { class: 'difference-number', role: 'status' });
  const canvas = make('canvas', { class: 'pane-picture', width: a.width, height: a.height, role: 'img' });
  canvas.setAttribute('aria-label', `difference of ${set.titles[0]} and ${set.titles[1]}`);
  const follow = (times) => {
    canvas.style.filter = `brightness(${times})`;
    said.textContent = times === 1 ? 'once' : `${times} times`;
  };
  const gain = dial(dials, 'gain', { min: 1, max: 20, step: 1 }, 'how much the difference is amplified', follow);
  follow(dials.gain);
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
    await tellDifference(a, b, number, () => drawDifference(canvas, a, b, number));
  } catch {
    number.replaceChildren('a picture file is missing or broken: it is not in the run folder as it was made');
  }
}

/** Says how far two pictures lie apart, or how the page may come to know. */
async function tellDifference(a, b, number, again) {
  if (a.file === b.file) {
    number.replaceChildren('the same file: every pixel is the same');
  } else if (canRead(a.original) && canRead(b.original)) {
    const [one, other] = await Promise.all([a, b].map(({ original }) => readPixels(original, a.width, a.height)));
    const { mean, share } = apart(one, other);
    const scaled = a.width === b.width && a.height === b.height ? '' : ', B scaled to A';
    const copies = a.small ? ', of the small copies' : '';
    number.replaceChildren(share
      ? `mean difference ${least(mean, 2)} of 255, ${least(100 * share, 1)}% of the pixels differ${scaled}${copies}`
      : `every pixel is the same${scaled}${copies}`);
  } else {
    number.replaceChildren('a page opened from a disk may show pictures and not read them. For a number: ',
      lendButton(again));
  }
}

/** A number above zero, which rounding does not make zero: 0.004 is "under 0.01". */
function least(value, places) {
  const smallest = 10 ** -places;
  return value < smallest / 2 ? `under ${smallest}` : value.toFixed(places);
}
