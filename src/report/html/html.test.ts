/** What pages consist of: escaping, scales, bins, floors, and the page as text. pages.engine.ts opens them in a browser. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { metricOf } from '../../bench/stats.ts';
import { FULL_REPORT, HOSTILE, HOSTILE_REPORT, noisySamples, PLAIN_REPORT } from '../../testing/hand-made-report.ts';
import type { Report } from '../document.ts';
import { binCount, binsOf, courseOf, cumulativeOf, outliersOf } from './distribution.ts';
import { floorOf } from './floor.ts';
import { violations } from './lanes.ts';
import { html } from './markup.ts';
import { fewSamples, statistics } from './metrics.ts';
import { kneeText, rates } from './rates.ts';
import { htmlOf } from './report-page.ts';
import { countScale, placeScale, scaleFor } from './scale.ts';
import { PALETTES } from './style.ts';
import { dollars, figure } from './text.ts';

describe('markup', () => {
  test.each([
    { name: 'an element', content: '<script>', text: '&lt;script&gt;' },
    { name: 'an attribute', content: `" x='`, text: '&quot; x=&#39;' },
    { name: 'an entity', content: '&amp;', text: '&amp;amp;' },
    { name: 'a line break, which is a space', content: 'a\r\n\tb', text: 'a b' },
    { name: 'a control character', content: '\u001b[2J', text: '\u241b[2J' },
    { name: 'what turns letters round', content: '\u202e', text: '\ufffd' },
    { name: 'half a character', content: '\ud83d', text: '\ufffd' },
    { name: 'a whole one', content: '😀', text: '😀' },
    { name: 'a number', content: 0, text: '0' },
    { name: 'nothing', content: undefined, text: '' },
    { name: 'a list', content: ['<', html`<b>${'>'}</b>`, [1, undefined]], text: '&lt;<b>&gt;</b>1' },
  ])('escapes $name', ({ content, text }) => {
    expect(html`<p title="x">${content}</p>`.text).toBe(`<p title="x">${text}</p>`);
  });

  test('takes no object from a document for HTML', () => {
    const document = JSON.parse('{"text":"<b>"}');
    expect(() => html`${document}`.text).toThrow();
  });
});

describe('a scale', () => {
  test.each([
    { name: 'near 0 begins at 0', from: 3, to: 47, ticks: [0, 10, 20, 30, 40, 50] },
    { name: 'far from 0 does not', from: 171.2, to: 178.9, ticks: [170, 172, 174, 176, 178, 180] },
    { name: 'of less than a unit', from: 0.012, to: 0.05, ticks: [0, 0.01, 0.02, 0.03, 0.04, 0.05] },
    { name: 'of one value lies around it', from: 171, to: 171, ticks: [150, 160, 170, 180, 190] },
    { name: 'of zeros', from: 0, to: 0, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
    { name: 'up to 50× is linear', from: 10, to: 500, ticks: [0, 100, 200, 300, 400, 500] },
    { name: 'of more than 50× is logarithmic', from: 9, to: 501, ticks: [5, 10, 20, 50, 100, 200, 500, 1000] },
    { name: 'of many powers of ten shows some', from: 1e-6, to: 1e9, ticks: [1e-6, 1e-3, 1, 1e3, 1e6, 1e9] },
    { name: 'of a long tail is logarithmic', from: 20, to: 400, median: 22, ticks: [20, 50, 100, 200, 500] },
    { name: 'with a 0 in it is linear', from: 0, to: 1000, ticks: [0, 200, 400, 600, 800, 1000] },
  ])('$name', ({ from, to, median, ticks }) => {
    const scale = scaleFor(from, to, median);
    expect(scale.ticks).toEqual(ticks);
    expect(scale.at(from)).toBeGreaterThanOrEqual(0);
    expect(scale.at(to)).toBeLessThanOrEqual(1);
    expect(scale.valueAt(scale.at(to)) / (to || 1)).toBeCloseTo(to === 0 ? 0 : 1, 9);
  });

  test('of counts has whole ticks; of places it ends with the last', () => {
    expect(countScale(2).ticks).toEqual([0, 1, 2]);
    expect(placeScale(63)).toMatchObject({ high: 63, ticks: [0, 20, 40, 60] });
  });
});

describe('what is drawn of samples', () => {
  const large = noisySamples(100_000);
  const cases = [
    { name: 'one', samples: [171] },
    { name: 'equal ones', samples: [5, 5, 5] },
    { name: 'zeros', samples: [0, 0] },
    { name: 'few', samples: [3, 1, 2] },
    { name: 'over many powers of ten', samples: [0.001, 0.001, 7, 1e6] },
    { name: 'a hundred thousand', samples: large },
  ].map(({ name, samples }) => ({ name, samples, sorted: [...samples].sort((a, b) => a - b) }));

  test.each(cases)('$name: each is in one bin, and both ends are in the curves', ({ samples, sorted }) => {
    const [min = Number.NaN, max = Number.NaN] = [sorted[0], sorted.at(-1)];
    const scale = scaleFor(min, max);
    const bins = binsOf(samples, scale, binCount(samples.length, scale));
    expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(samples.length);
    const filled = bins.filter(({ count }) => count > 0);
    expect(filled[0]?.low).toBeLessThanOrEqual(min * (1 + 1e-9));
    expect(filled.at(-1)?.high).toBeGreaterThanOrEqual(max * (1 - 1e-9));

    const steps = cumulativeOf(sorted, 300);
    expect(steps[0]?.value).toBe(samples.length === 1 ? max : min);
    expect(steps.at(-1)).toEqual({ value: max, share: 1 });

    const stretches = courseOf(samples, 300);
    expect(Math.min(...stretches.map((stretch) => stretch.min))).toBe(min);
    expect(Math.max(...stretches.map((stretch) => stretch.max))).toBe(max);
    expect([stretches[0]?.from, stretches.at(-1)?.to]).toEqual([1, samples.length]);
    expect(stretches.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(samples.length);
  });

  test.each([
    { name: 'the farthest comes first', samples: [10, 900, 11, 12, 11, 10, 500, 12, 11, 10], places: [2, 7] },
    { name: 'a very fast one is one too', samples: [100, 101, 102, 101, 1, 100, 102, 101], places: [5] },
    { name: 'of seven samples there is none', samples: [1, 1, 1, 1, 1, 1, 900], places: [] },
    { name: 'of equal samples there is none', samples: [5, 5, 5, 5, 5, 5, 5, 5], places: [] },
  ])('outliers: $name', ({ samples, places }) => {
    const found = outliersOf(
      samples,
      [...samples].sort((a, b) => a - b),
    );
    expect(found.map(({ place }) => place)).toEqual(places);
  });

  test.each([
    { count: 19, borne: ['–', '–'] },
    { count: 20, borne: ['1.00 ms', '–'] },
    { count: 100, borne: ['1.00 ms', '1.00 ms'] },
  ])('$count samples bear the percentiles $borne', ({ count, borne }) => {
    const metric = metricOf(new Array(count).fill(1));
    expect(statistics(metric).slice(4, 6)).toEqual(borne);
    expect(fewSamples({ metric }) === undefined).toBe(count >= 100);
  });
});

describe('the floor', () => {
  const timed: Report = {
    ...FULL_REPORT,
    workers: undefined,
    requests: { ...PLAIN_REPORT.requests, get: 150, put: 75 },
  };
  const slow = { totalMs: metricOf(new Array(150).fill(50)), uploadMs: metricOf(new Array(150).fill(20)) };
  test.each<{ name: string; report: Report; floor: unknown }>([
    {
      name: 'is what the requests of an operation take, of the metric that times all of it',
      report: { ...timed, metrics: slow },
      floor: { requests: { GET: 1, PUT: 0.5 }, roundTripMs: 20, floorMs: 30, metric: 'totalMs', meanMs: 50 },
    },
    { name: 'is none for a race', report: FULL_REPORT, floor: /wait for each other/ },
    {
      name: 'is not known without a round trip',
      report: { ...timed, deployment: { kind: 'aws' } },
      floor: /does not know/,
    },
    { name: 'has no metric to compare with', report: { ...timed, metrics: {} }, floor: /No metric/ },
    {
      name: 'is none where requests overlapped',
      report: { ...timed, metrics: { totalMs: metricOf(new Array(150).fill(29)) } },
      floor: /overlapped/,
    },
    { name: 'is not asked for of verify', report: { ...timed, kind: 'verify' }, floor: undefined },
  ])('$name', ({ report, floor }) => {
    const found = floorOf(report);
    if (floor instanceof RegExp) expect(found).toMatch(floor);
    else expect(found).toEqual(floor);
  });
});

describe('the rates that were tried', () => {
  const rate = { completedPerSecond: 40, clientBusyPercent: 10, actual: 21 };
  const [slow, fast] = [
    { ...rate, ratePerSecond: 40, held: true },
    { ...rate, ratePerSecond: 80, held: false },
  ];
  test.each([
    { name: 'none broke it', steps: [slow], says: 'holds at 40 per second. No rate was found at which it does not' },
    {
      name: 'none held',
      steps: [fast],
      says: 'No rate was found at which totalMs.p95&lt;150 holds. It does not at 80',
    },
    {
      name: 'the client broke it',
      steps: [slow, { ...fast, limit: 'client' as const }],
      says: 'It does not at 80, where the client was the limit',
    },
    {
      name: 'one that held was tried again and did not',
      steps: [slow, { ...slow, held: false }, fast],
      says: 'at 80.',
    },
  ])('say what was found: $name', ({ steps, says }) => {
    expect(html`${rates({ ...FULL_REPORT, steps })}`.text).toContain(says);
  });

  test.each([
    { name: 'the client', steps: [slow, { ...fast, limit: 'client' as const }], ends: 'limited by the client' },
    {
      name: 'the deployment',
      steps: [{ ...fast, limit: 'deployment' as const }, { ...slow, held: false }, slow],
      ends: 'limited by the deployment',
    },
    { name: 'nothing', steps: [slow], ends: 'no higher rate broke it' },
  ])('end in a knee: $name', ({ steps, ends }) => {
    const report = { ...PLAIN_REPORT, steps, parameters: { objective: 'totalMs.p95<150' } };
    const knee = `Knee: 40 requests/s, ${ends}; objective totalMs.p95<150`;
    expect(kneeText(report)).toBe(knee);
    expect(htmlOf(report)).toContain(`<strong>${knee.replace('<', '&lt;')}</strong>`);
    expect(kneeText({ ...report, steps: [fast] })).toBeUndefined();
  });

  test.each([
    { name: 'without an objective', parameters: {}, pictures: 1, axis: '' },
    { name: 'of a time', parameters: { objective: 'totalMs.p95<150' }, pictures: 2, axis: 'totalMs.p95, milliseconds' },
    {
      name: 'of a count',
      parameters: { objective: 'totalMs.count<9' },
      pictures: 2,
      axis: '>totalMs.count, logarithmic<',
    },
  ])('$name are drawn with their unit', ({ parameters, pictures, axis }) => {
    const text = html`${rates({ ...FULL_REPORT, parameters })}`.text;
    expect(text.match(/<svg /g)).toHaveLength(pictures);
    expect(text).toContain(axis);
  });
});

test.each([
  { count: 300, says: 'Each dot is one sample.' },
  { count: 301, says: 'the minimum to the maximum of 1 to 2 consecutive samples;' },
  { count: 900, says: 'the minimum to the maximum of 3 consecutive samples;' },
])('the picture of $count samples in order says what a mark stands for', ({ count, says }) => {
  expect(htmlOf({ ...PLAIN_REPORT, metrics: { totalMs: metricOf(noisySamples(count)) } })).toContain(says);
});

describe('a violation', () => {
  const calls = [
    { client: 'c1', kind: 'append', value: 'v1', outcome: 'committed', calledAt: 1, returnedAt: 4 },
    { client: 'c1', kind: 'append', value: 'v2', outcome: 'unknown', calledAt: 2, returnedAt: 3 },
    { client: 'c2', kind: 'read', outcome: 'read', saw: ['v1'], calledAt: 5, returnedAt: 9 },
    { client: 'c1', kind: 'append', value: 'v3', outcome: 'conflict', calledAt: 6, returnedAt: 7 },
  ];
  const drawn = (kind: string): string => {
    const anomaly = { kind, about: 'database' as const, users: ['u'], sentence: 's', operations: calls };
    return html`${violations([anomaly])}`.text;
  };

  test.each([
    { kind: 'lost', at: 'c2 looks and sees v1', why: 'which returned last' },
    { kind: 'phantom', at: 'c1 appends v1', why: 'which saw it first' },
  ])('of kind $kind shows at "$at", $why', ({ kind, at }) => {
    expect(/<li>([^<;]*)[^<]* <span class="faint">[^<]*<\/span> <span class="failed">/.exec(drawn(kind))?.[1]).toBe(at);
  });

  test('has a lane for each client, and one more for calls that overlap; a bar looks like its outcome', () => {
    const text = drawn('lost');
    expect(text.match(/<line class="lane"/g)).toHaveLength(3);
    expect([...text.matchAll(/<rect class="(.*?)"/g)].map(([, look]) => look)).toEqual([
      'first fill',
      'doubt',
      'looked',
      'looked',
      'contradiction',
    ]);
  });
});

describe('a page', () => {
  test('says the verdict before anything else, and why', () => {
    const body = htmlOf(FULL_REPORT).replace(/^[\s\S]*<main>/, '');
    const order = [
      '✗ Failed',
      'the disk was full',
      'it counts two notes: expected 2, got 1',
      'coldMs.p95&lt;1',
      '<h2>',
    ];
    const places = order.map((text) => body.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test.each([
    { name: 'nobody judged', report: PLAIN_REPORT, tone: 'plain', words: 'Measured' },
    {
      name: 'met its threshold',
      report: { ...PLAIN_REPORT, thresholds: [{ expression: 'totalMs.p50<9', passed: true, actual: 2 }] },
      tone: 'good',
      words: '✓ Passed',
    },
    { name: 'ended with an error', report: { ...PLAIN_REPORT, passed: false }, tone: 'bad', words: '✗ Failed' },
  ])('of a run that $name says: $words', ({ report, tone, words }) => {
    expect(htmlOf(report)).toMatch(
      new RegExp(`<header class="${tone}">\\s<h1>.*</h1>\\s<p class="verdict">${words}</p>`),
    );
  });

  test.each([
    {
      name: 'a check with what was expected and what came',
      text: '<td data-name="expected">2</td><td data-name="actual">1</td>',
    },
    { name: 'what to try', text: 'try: javumbo doctor' },
    { name: 'a violation in the words of --check', text: 'c8 appends v8.1 after v0.1; it is told that this is stored' },
    { name: 'the call at which a history contradicts itself', text: '9000–90000)</span> <span class="failed">✗' },
    {
      name: 'the rate that breaks an objective',
      text: 'totalMs.p95&lt;150 holds at 40 per second. It does not at 60.',
    },
    {
      name: 'faults',
      text: '<th scope="row">lost-reply</th><td class="number">4</td><td class="number">3</td>',
    },
    { name: 'why a worker ended', text: 'the worker ended with 1' },
    { name: 'the cost', text: '<strong>$5.43</strong>' },
    { name: 'figures in their units', text: '53.2 kB' },
    { name: 'warnings', text: 'the machine was busy: measure again' },
    { name: 'where it ran', text: '2 × a | b' },
  ])('has $name', ({ text }) => {
    expect(htmlOf(FULL_REPORT)).toContain(text);
  });

  test.each([
    { name: 'a small report', report: PLAIN_REPORT, kB: 20 },
    { name: 'one with every part', report: FULL_REPORT, kB: 80 },
    { name: 'one with hostile texts', report: HOSTILE_REPORT, kB: 100 },
    {
      name: 'one of a hundred thousand samples',
      report: { ...PLAIN_REPORT, metrics: { totalMs: metricOf(noisySamples(100_000)) } },
      kB: 200,
    },
  ])('of $name is the same each time, asks for nothing, runs nothing, and is small', ({ report, kB }) => {
    const text = htmlOf(report);
    expect(htmlOf(structuredClone(report))).toBe(text);
    const tags = (text.match(/<[a-z][^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""'));
    const ACTING = /^<(script|iframe|img|object|embed|form|base)\b|\s(on\w+|style)=/;
    expect(tags.filter((tag) => ACTING.test(tag))).toEqual([]);
    expect(/url\(|@import/.test(text)).toBe(false);
    expect([...text.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, target]) => target)).toEqual(['data:,']);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(text).toContain(
      `content="default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'"`,
    );
    expect(text.length / 1000).toBeLessThan(kB);
  });

  test('has a name and a description for each picture, and its figures as a table', () => {
    const text = htmlOf(FULL_REPORT);
    const pictures = text.split('<svg ').length - 1;
    expect(text.match(/<svg role="img" viewBox="[^"]+"><title>[^<]+<\/title><desc>[^<]+<\/desc>/g)).toHaveLength(
      pictures,
    );
    expect(text.match(/<details><summary>/g)).toHaveLength(2);
  });

  test('shows a hostile text as it is, and never as HTML', () => {
    const text = htmlOf(HOSTILE_REPORT);
    expect(text).not.toContain(HOSTILE);
    expect(text).toContain('&quot;&#39;&gt;&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;');
  });
});

// WCAG 2.2: 4.5 for text, 3 for what a picture consists of.
describe.each(['light', 'dark'] as const)('in the %s palette', (name) => {
  const palette = PALETTES[name];
  test.each([
    ...(['text', 'faint', 'good', 'bad', 'warn'] as const).flatMap((colour) =>
      (['page', 'panel'] as const).map((on) => ({ colour, on, least: 4.5 })),
    ),
    ...(['first', 'second', 'third', 'rest'] as const).map((colour) => ({ colour, on: 'page' as const, least: 3 })),
    ...(['first', 'second', 'third', 'rest'] as const).map((on) => ({ colour: 'on-series' as const, on, least: 4.5 })),
  ])('$colour on $on has a contrast of at least $least', ({ colour, on, least }) => {
    const [lighter = 0, darker = 0] = [luminance(palette[colour]), luminance(palette[on])].sort((a, b) => b - a);
    expect((lighter + 0.05) / (darker + 0.05)).toBeGreaterThanOrEqual(least);
  });
});

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test.each([
  [figure('savedMs', 171.234), '171 ms'],
  [figure('sizeAfterBytes', 53_248), '53.2 kB'],
  [figure('hitRatePercent', 98.0392), '98.04 %'],
  [figure('distinctVersions', 1_000_000), '1,000,000'],
  [dollars(0), '$0.00'],
  [dollars(5.4), '$5.40'],
  [dollars(0.00123), '$0.0012'],
])('%s is written as %s', (written, expected) => {
  expect(written).toBe(expected);
});
