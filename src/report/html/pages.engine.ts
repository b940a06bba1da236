/** Every page, opened in a real Chromium: it asks for nothing, complains of nothing, fits, and no label meets another. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { metricOf } from '../../bench/stats.ts';
import { Browser, type Look } from '../../testing/browser.ts';
import { FULL_REPORT, HOSTILE, HOSTILE_REPORT, noisySamples, PLAIN_REPORT } from '../../testing/hand-made-report.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../../testing/run-command.ts';
import type { Report } from '../document.ts';
import { htmlOf } from './report-page.ts';

const LOOKS: readonly Look[] = [
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
  { width: 390, scheme: 'light' },
  { width: 390, scheme: 'dark' },
  { width: 320, scheme: 'light' },
  { width: 601, scheme: 'light' },
  { width: 673, scheme: 'light' },
  { width: 720, scheme: 'light' },
  { width: 780, scheme: 'light' },
  { width: 700, scheme: 'dark', media: 'print' },
];

/** Labels that meet another, or leave their picture; two pixels of a line are leading, not ink. */
const BAD_LABELS = `[...document.querySelectorAll('svg')].flatMap((svg) => {
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((each) => [each.textContent, each.getBoundingClientRect()]);
  return texts.flatMap(([text, box], index) => [
    ...(box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1
      ? [text + ' leaves its picture'] : []),
    ...texts.slice(index + 1)
      .filter(([, other]) => box.left < other.right && other.left < box.right && box.top + 2 < other.bottom - 2 && other.top + 2 < box.bottom - 2)
      .map(([other]) => text + ' meets ' + other),
  ]);
})`;

/**
 * Text outside pictures that an ancestor cuts off at a side, or hides until it is scrolled. A picture that is wider than
 * a phone is scrolled on purpose: the list beside it says the same.
 */
const CUT_TEXTS = `(() => {
  for (const details of document.querySelectorAll('details')) details.open = true;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const cut = [];
  while (texts.nextNode()) {
    const parent = texts.currentNode.parentElement;
    if (parent.closest('svg,script') !== null) continue;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const boxes = [...range.getClientRects()].filter(({ width }) => width > 0);
    for (let box = parent; box !== document.documentElement; box = box.parentElement) {
      if (getComputedStyle(box).overflowX === 'visible') continue;
      const { left, right } = box.getBoundingClientRect();
      if (boxes.some((each) => each.left < left - 1 || each.right > right + 1)) cut.push(texts.currentNode.textContent);
    }
  }
  return cut;
})()`;

const COLOURS = `[document.body, document.querySelector('.verdict'), document.querySelector('svg text')].filter((each) => each !== null)
  .map((each) => getComputedStyle(each)).map(({ color, fill, backgroundColor }) => [color, fill, backgroundColor].join(' '))`;

/** A violation that takes many calls to show, as of a counter. */
function longHistory(): Report['history'] {
  const { history } = FULL_REPORT;
  const [anomaly] = history?.anomalies ?? [];
  if (history === undefined || anomaly === undefined) return undefined;
  const operations = Array.from({ length: 60 }, (_, index) => ({
    client: `c${index % 8}`,
    kind: 'increment',
    outcome: index % 7 === 0 ? 'unknown' : 'committed',
    calledAt: 10_000 + 4 * index,
    returnedAt: 10_009 + 4 * index,
  }));
  return { ...history, anomalies: [{ ...anomaly, operations }] };
}

describe.runIf(inject('chromium') !== undefined)('a page in Chromium', () => {
  let browser: Browser;
  let directory: string;

  beforeAll(async () => {
    browser = await Browser.start(inject('chromium') ?? '');
    directory = temporaryDirectory();
  });

  afterAll(() => browser.close());

  const written = (text: string): string => {
    const path = join(directory, 'page.html');
    writeFileSync(path, text);
    return path;
  };
  const drawn = (report: Partial<Report>) => async () => written(htmlOf({ ...PLAIN_REPORT, ...report }));
  const made =
    (...commands: readonly string[]) =>
    async () => {
      const env = freshMachine();
      const path = join(directory, 'page.html');
      for (const command of commands) {
        const argv = command.split(' ').map((word) => word.replace('{dir}', directory));
        await runCommand([...argv, ...(command.startsWith('bench compare') ? [] : ['--quiet'])], { env });
      }
      return path;
    };
  const samples = (values: readonly number[]) => drawn({ metrics: { totalMs: metricOf(values) } });

  test.each([
    { name: 'a small benchmark', make: drawn({}) },
    { name: 'a report with every part', make: drawn(FULL_REPORT) },
    { name: 'a report whose every text is hostile', make: drawn(HOSTILE_REPORT) },
    { name: 'one sample', make: samples([171]) },
    { name: 'samples that are all 0', make: samples([0, 0, 0]) },
    { name: 'samples from a microsecond to an hour', make: samples([0.001, 1, 20, 3_600_000]) },
    { name: 'a hundred thousand samples', make: samples(noisySamples(100_000)) },
    { name: 'a violation of sixty calls', make: drawn({ ...FULL_REPORT, history: longHistory() }) },
    { name: 'a run that measured nothing', make: drawn({ metrics: {}, derived: {}, passed: false }) },
    {
      name: 'bench hit-rate',
      make: made('bench hit-rate --requests 30 --rtt 1ms --report html={dir}/page.html'),
    },
    {
      name: 'bench concurrent',
      make: made('bench concurrent --workers 3 --rtt 1ms --report html={dir}/page.html'),
    },
    { name: 'verify day2', make: made('verify day2 --rtt 0ms --report html={dir}/page.html') },
    {
      name: 'bench compare',
      make: made(
        'bench latency --requests 25 --rtt 1ms --report json={dir}/a.json',
        'bench latency --requests 25 --rtt 1ms --report json={dir}/b.json',
        'bench compare {dir}/a.json {dir}/b.json --report html={dir}/page.html',
      ),
    },
  ])('of $name: nothing is asked for, all fits, nothing is cut, and no label meets another', async ({ make }) => {
    writeFileSync(join(directory, 'page.html'), '');
    const opened = await browser.open(await make());
    expect(opened).toEqual({ requests: [], complaints: [] });
    expect(await browser.evaluate(`document.querySelector('.verdict').textContent`)).toMatch(/\w/);
    for (const look of LOOKS) {
      await browser.look(look);
      const labels = await browser.evaluate(BAD_LABELS);
      const cut = await browser.evaluate(CUT_TEXTS);
      const width = await browser.evaluate('document.documentElement.scrollWidth');
      expect({ look, labels, cut, width }).toEqual({ look, labels: [], cut: [], width: look.width });
    }
  });

  test('a hostile text is shown, and does nothing', async () => {
    await browser.open(written(htmlOf(HOSTILE_REPORT)));
    expect(await browser.evaluate(`document.querySelectorAll('script,img,iframe,[onerror]').length`)).toBe(0);
    expect(await browser.evaluate('document.title')).not.toBe('owned');
    const shown = HOSTILE.replace(/[\u202e\ud800]/g, '\ufffd');
    expect(await browser.evaluate('document.body.textContent')).toContain(shown);
  });

  test('dark and light differ, and paper is light', async () => {
    await browser.open(written(htmlOf(PLAIN_REPORT)));
    const looks: unknown[] = [];
    for (const scheme of ['light', 'dark'] as const) {
      await browser.look({ width: 1280, scheme });
      looks.push(await browser.evaluate(COLOURS));
    }
    await browser.look({ width: 1280, scheme: 'dark', media: 'print' });
    expect(looks[0]).not.toEqual(looks[1]);
    expect(await browser.evaluate(COLOURS)).toEqual(looks[0]);
  });

  test('a page that asks, runs a script, is too wide, cuts a text, and has labels that meet would be noticed', async () => {
    const svg = '<svg viewBox="0 0 100 20"><text x="0" y="15">one</text><text x="5" y="15">two</text></svg>';
    const bad = `<img src="http://example.invalid/x.png"><script>console.error('x')</script><div style="width:2000px">${svg}</div><p style="width:5em;overflow:auto;white-space:nowrap">this is too long for it</p>`;
    const { requests, complaints } = await browser.open(written(bad));
    await browser.look({ width: 390, scheme: 'light' });
    expect(requests).toEqual(['http://example.invalid/x.png']);
    expect(complaints.length).toBeGreaterThan(0);
    expect(await browser.evaluate(BAD_LABELS)).toEqual(['one meets two']);
    expect(await browser.evaluate(CUT_TEXTS)).toEqual(['this is too long for it']);
    expect(await browser.evaluate('document.documentElement.scrollWidth')).toBeGreaterThan(390);
  });

  test('a script in a page is refused by its policy, which the browser says', async () => {
    const { complaints } = await browser.open(
      written(htmlOf(PLAIN_REPORT).replace('<main>', '<main><script>document.title = "owned"</script>')),
    );
    expect(complaints.join('\n')).toContain('Content Security Policy');
    expect(await browser.evaluate('document.title')).not.toBe('owned');
  });
});
