// ---- points: which of an axis's points are shown, in which order; and their spelling in the address

/** Digits of an axis as the file orders them; 0 comes last where the axis does not apply to some cells. */
function usualPoints(book, axis) {
  const { labels, partial } = book.axes[axis];
  const digits = Array.from({ length: labels.length - 1 }, (_, place) => place + 1);
  return partial ? [...digits, 0] : digits;
}

/** Digits of an axis that the reader wants to see, in the reader's order; 0 is the last where it is among them. */
function shownPoints(book, view, axis) {
  return view.points[axis] ?? usualPoints(book, axis);
}

/** How a view says some points of an axis: null where they are those of the file, in its order. */
function unlessUsual(book, axis, digits) {
  return String(digits) === String(usualPoints(book, axis)) ? null : digits;
}

/** The points that an axis can be held at. */
function shownDigits(book, view, axis) {
  return shownPoints(book, view, axis).filter(Boolean);
}

/** All digits of an axis: those shown in their order, each hidden one behind the point that it follows in the file. */
function listedPoints(book, view, axis) {
  const usual = usualPoints(book, axis);
  const order = shownDigits(book, view, axis);
  const known = new Set(order);
  usual.forEach((digit, place) => {
    if (!digit || known.has(digit)) return;
    order.splice(place ? order.indexOf(usual[place - 1]) + 1 : 0, 0, digit);
  });
  return usual.at(-1) === 0 ? [...order, 0] : order;
}

/** The view with some points of an axis in some order; without any point it stays as it is. */
function showPoints(book, view, axis, digits) {
  if (!digits.some(Boolean)) return view;
  return holdShown(book, { ...view, points: view.points.with(axis, unlessUsual(book, axis, digits)) });
}

/** The view with a point shown that was hidden, or hidden that was shown. */
function togglePoint(book, view, axis, digit) {
  const shown = new Set(shownPoints(book, view, axis));
  if (!shown.delete(digit)) shown.add(digit);
  return showPoints(book, view, axis, listedPoints(book, view, axis).filter((each) => shown.has(each)));
}

/** The view with an axis's points in an order that the reader gives: no number sorts them any longer. */
function orderPoints(book, view, axis, digits) {
  const sides = { columns: view.x, rows: view.y };
  const sort = view.sort && sides[view.sort.of] === axis ? null : view.sort;
  return showPoints(book, { ...view, sort }, axis, digits);
}

/** The view with a point right behind another one; behind `null` it is the first. */
function movePoint(book, view, axis, digit, before) {
  const order = listedPoints(book, view, axis).filter((each) => each !== digit);
  order.splice(before === null ? 0 : order.indexOf(before) + 1, 0, digit);
  const shown = new Set(shownPoints(book, view, axis));
  return orderPoints(book, view, axis, order.filter((each) => shown.has(each)));
}

/** The view with a point one place among the shown ones farther. */
function stepPoint(book, view, axis, digit, by) {
  const shown = shownDigits(book, view, axis);
  const [from, rest] = [shown.indexOf(digit), shown.filter((each) => each !== digit)];
  if (from < 0) return view;
  rest.splice(clamp(from + by, 0, rest.length), 0, digit);
  const outside = shownPoints(book, view, axis).filter((each) => each === 0);
  return orderPoints(book, view, axis, [...rest, ...outside]);
}

/** The view with no axis held at a point that is hidden. */
function holdShown(book, view) {
  const astray = (digit, axis) => digit !== ALL && view.points[axis] !== null && !view.points[axis].includes(digit);
  if (!view.held.some(astray)) return view;
  const held = view.held.map((digit, axis) => (astray(digit, axis) ? shownDigits(book, view, axis)[0] : digit));
  return { ...view, held };
}

/** A test of tiles: whether every axis has them at a point that is shown. */
function shownTest(book, view) {
  const tests = view.points.flatMap((points, axis) => {
    if (!points) return [];
    const shown = new Uint8Array(book.axes[axis].labels.length);
    for (const digit of points) shown[digit] = 1;
    return [[book.axes[axis].digits, shown]];
  });
  return (tile) => tests.every(([digits, shown]) => shown[digits[tile]]);
}

/** Places of an axis's digits in the reader's order. */
function pointPlaces(book, view, axis) {
  const places = new Uint32Array(axis === NOWHERE ? 1 : book.axes[axis].labels.length);
  if (axis !== NOWHERE) shownPoints(book, view, axis).forEach((digit, place) => { places[digit] = place; });
  return places;
}

/** Spells hidden points, and the order where it is the reader's own; or those that are left, where they are fewer. */
function spellPoints(book, view, words) {
  view.points.forEach((points, axis) => {
    if (!points) return;
    const { name, labels, partial } = book.axes[axis];
    const add = (word, digits) => digits.forEach((digit) => words.append(`${word}.${name}`, labels[digit]));
    const shown = points.filter(Boolean);
    const hidden = usualPoints(book, axis).filter((digit) => digit && !points.includes(digit));
    if (shown.length < hidden.length) add('pick', shown);
    else {
      add('hide', hidden);
      if (shown.some((digit, place) => place && digit < shown[place - 1])) add('order', shown);
    }
    if (partial && !points.includes(0)) words.append('within', name);
  });
}

/** What a fragment says about points; names that the book lacks are passed over, points that it does not name come last. */
function readPoints(book, words) {
  const within = words.getAll('within');
  return book.axes.map(({ name, labels }, axis) => {
    const digits = (word) => {
      const found = words.getAll(`${word}.${name}`).map((label) => labels.indexOf(label, 1));
      return [...new Set(found.filter((digit) => digit > 0))];
    };
    const usual = usualPoints(book, axis);
    const [picked, hidden] = [digits('pick'), new Set(digits('hide'))];
    const named = new Set([...digits('order'), ...usual]);
    const order = picked.length ? picked : [...named].filter((digit) => digit && !hidden.has(digit));
    if (!order.length) return null;
    const points = usual.at(-1) === 0 && !within.includes(name) ? [...order, 0] : order;
    return unlessUsual(book, axis, points);
  });
}
