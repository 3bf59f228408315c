// ---- ranking: who wins against whom becomes how good each is, and how sure that is
//
// The arithmetic of runner/ranking.py, which says its sources; a test holds the two together.

const RANK_PRIOR = 1;
const RANK_REACH = 1.959964;

/**
 * Strengths of items by comparisons.
 * @param {number} items
 * @param {[number, number, number][]} duels two items, and the share of the win that the first has
 * @param {{intervals?: boolean}} options without intervals, which take longest
 * @returns {{strength: number, low: number, high: number, duels: number}[]}
 */
function rank(items, duels, { intervals = true } = {}) {
  const won = new Float64Array(items);
  const games = Array.from({ length: items }, () => new Float64Array(items));
  for (const [one, other, share] of duels) {
    won[one] += share;
    won[other] += 1 - share;
    games[one][other] += 1;
    games[other][one] += 1;
  }
  const strengths = new Float64Array(items);
  for (let turn = 0; turn < 100; turn += 1) {
    const { gradient, information } = slopes(strengths, won, games);
    const step = solve(cholesky(information), gradient);
    const longest = Math.max(...step.map(Math.abs), 1e-300);
    const factor = Math.min(1, 2 / longest);
    for (let item = 0; item < items; item += 1) strengths[item] += factor * step[item];
    if (factor * longest < 1e-10) break;
  }
  const middle = strengths.reduce((sum, strength) => sum + strength, 0) / items;
  const reach = intervals ? reaches(cholesky(slopes(strengths, won, games).information)) : new Float64Array(items);
  return Array.from(strengths, (found, item) => {
    const strength = found - middle;
    const count = games[item].reduce((sum, met) => sum + met, 0);
    return { strength, low: strength - reach[item], high: strength + reach[item], duels: count };
  });
}

/** Half the width of each interval, without what moves all items alike. */
function reaches(factors) {
  const items = factors.length;
  const own = new Float64Array(items);
  const together = new Float64Array(items);
  for (let item = 0; item < items; item += 1) {
    const unit = new Float64Array(items);
    unit[item] = 1;
    const covariance = solve(factors, unit);
    own[item] = covariance[item];
    together[item] = covariance.reduce((sum, value) => sum + value, 0) / items;
  }
  const all = together.reduce((sum, value) => sum + value, 0) / items;
  return own.map((variance, item) => RANK_REACH * Math.sqrt(Math.max(0, variance - 2 * together[item] + all)));
}

function slopes(strengths, won, games) {
  const items = strengths.length;
  const gradient = new Float64Array(items);
  const information = games.map(() => new Float64Array(items));
  for (let i = 0; i < items; i += 1) {
    const against = 1 / (1 + Math.exp(-strengths[i]));
    gradient[i] = won[i] + RANK_PRIOR * (0.5 - against);
    information[i][i] += RANK_PRIOR * against * (1 - against);
    for (let j = 0; j < items; j += 1) {
      if (!games[i][j]) continue;
      const chance = 1 / (1 + Math.exp(strengths[j] - strengths[i]));
      const spread = games[i][j] * chance * (1 - chance);
      gradient[i] -= games[i][j] * chance;
      information[i][i] += spread;
      information[i][j] -= spread;
    }
  }
  return { gradient, information };
}

/** The lower triangle whose product with its transpose is a symmetric positive matrix. */
function cholesky(matrix) {
  const lower = matrix.map((row) => new Float64Array(row.length));
  for (let i = 0; i < matrix.length; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = matrix[i][j];
      for (let k = 0; k < j; k += 1) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
    }
  }
  return lower;
}

function solve(lower, wanted) {
  const found = Float64Array.from(wanted);
  for (let i = 0; i < found.length; i += 1) {
    for (let k = 0; k < i; k += 1) found[i] -= lower[i][k] * found[k];
    found[i] /= lower[i][i];
  }
  for (let i = found.length - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < found.length; k += 1) found[i] -= lower[k][i] * found[k];
    found[i] /= lower[i][i];
  }
  return found;
}

/** Names with their strengths, the best first. @param {[string, string, number][]} duels */
function rankNames(duels, options) {
  const names = [...new Set(duels.flatMap(([one, other]) => [one, other]))].sort();
  const places = new Map(names.map((name, place) => [name, place]));
  const ranked = rank(names.length, duels.map(([one, other, share]) => [places.get(one), places.get(other), share]), options);
  return names.map((name, place) => ({ name, ...ranked[place] })).sort((a, b) => b.strength - a.strength);
}
