import { type Anomaly, type AnomalyOperation, linesOf, operationWords } from '../violation-words.ts';
import { apart, n, picture, WIDTH } from './chart.ts';
import { type Content, html, type Markup } from './markup.ts';

const NAME_WIDTH = 76;
const MARGIN = 24;
// Between two moments, so that a bar has room for its number.
const STEP_MIN = 11;
const TOP = 26;
const ROW = 34;
const BAR = 22;
const NAME_MAX = 11;

/** Draws violations: a lane for each client, a bar for each call, and where the history contradicts itself. */
export function violations(anomalies: readonly Anomaly[]): Content[] {
  if (anomalies.length === 0) return [];
  return [
    html`<p class="faint">Filled: it is stored, as its client was told. Outlined: it looked, or was refused. Dashed: nobody can tell; it may have happened at any moment from its call on. ✗ and red: there the history contradicts itself. Each of the calls is needed for that.</p>`,
    anomalies.map(violation),
  ];
}

function violation(anomaly: Anomaly): Markup {
  const { kind, about, users, sentence, operations } = anomaly;
  const culprit = contradictionOf(anomaly);
  const lanes = lanesOf(operations);
  const moments = [...new Set(operations.flatMap(({ calledAt, returnedAt }) => [calledAt, returnedAt]))].sort(
    (a, b) => a - b,
  );
  const last = Math.max(moments.length - 1, 1);
  const width = Math.max(WIDTH, NAME_WIDTH + last * STEP_MIN + MARGIN);
  // Only the order counts, and thousands of lines may lie between two calls.
  const x = (line: number): number => NAME_WIDTH + (moments.indexOf(line) / last) * (width - MARGIN - NAME_WIDTH);
  const bottom = TOP + lanes.length * ROW;
  const middleOf = (operation: AnomalyOperation): number =>
    TOP + lanes.findIndex((lane) => lane.includes(operation)) * ROW + ROW / 2;
  const drawing = picture(
    { title: `${kind}: ${sentence}`, description: operations.map(operationWords).join('. ') },
    width,
    bottom + 44,
    [
      lanes.map((lane, index) => {
        const y = TOP + index * ROW + ROW / 2;
        const isFirst = lanes[index - 1]?.[0]?.client !== lane[0]?.client;
        return html`<line class="lane" x1="${NAME_WIDTH}" x2="${width}" y1="${y}" y2="${y}"/>${isFirst ? html`<text x="0" y="${y + 4}">${short(lane[0]?.client ?? '')}</text>` : undefined}`;
      }),
      operations.map((operation, index) =>
        call(operation, index + 1, x(operation.calledAt), x(operation.returnedAt), middleOf(operation), width),
      ),
      culprit === undefined ? [] : mark(x(culprit.calledAt), x(culprit.returnedAt), middleOf(culprit), bottom),
      html`<line class="axis" x1="${NAME_WIDTH}" x2="${width}" y1="${bottom}" y2="${bottom}"/>`,
      apart(
        moments.map((line) => ({ at: x(line), text: String(line) })),
        width,
      ).map(
        ({ at, text }) => html`<text class="tick" x="${n(at)}" y="${bottom + 18}" text-anchor="middle">${text}</text>`,
      ),
      html`<text class="name" x="${width}" y="${bottom + 38}" text-anchor="end">line of the history file; only the order counts</text>`,
    ],
  );
  return html`<article class="check"><h3><span class="failed">✗ ${kind}</span>: ${sentence} <span class="faint">(the ${about} of ${users.join(', ')})</span></h3>
<div class="${width > WIDTH ? 'scroll' : 'pair'}"><figure>${drawing}</figure>
<ol>${operations.map((operation) => html`<li>${operationWords(operation)} <span class="faint">(${linesOf(operation)})</span>${operation === culprit ? html` <span class="failed">✗ contradiction</span>` : undefined}</li>`)}</ol></div></article>
`;
}

/** Returns the call at which it shows: the last, without which there would be none; of a phantom, the look. */
function contradictionOf({ kind, operations }: Anomaly): AnomalyOperation | undefined {
  if (kind === 'phantom') return operations[0];
  return operations.toSorted((a, b) => a.returnedAt - b.returnedAt).at(-1);
}

/** A lane for each client in the order in which they appear, and another one for calls that overlap. */
function lanesOf(operations: readonly AnomalyOperation[]): readonly (readonly AnomalyOperation[])[] {
  const byClient = new Map<string, AnomalyOperation[][]>();
  for (const operation of operations) {
    const lanes = byClient.get(operation.client) ?? [];
    byClient.set(operation.client, lanes);
    const free = lanes.find((lane) => (lane.at(-1)?.returnedAt ?? 0) < operation.calledAt);
    if (free === undefined) lanes.push([operation]);
    else free.push(operation);
  }
  return [...byClient.values()].flat();
}

const STORED = ['committed', 'created', 'updated', 'deleted'];
const IN_DOUBT = ['unknown', 'crashed'];

function call(
  operation: AnomalyOperation,
  place: number,
  from: number,
  to: number,
  middle: number,
  width: number,
): Markup {
  const { outcome } = operation;
  const look = STORED.includes(outcome) ? 'first fill' : IN_DOUBT.includes(outcome) ? 'doubt' : 'looked';
  const label = look === 'first fill' ? 'on-series' : 'place';
  const end = look === 'doubt' ? width : to;
  return html`<rect class="${look}" x="${n(from)}" y="${middle - BAR / 2}" width="${n(Math.max(end - from, BAR))}" height="${BAR}" rx="4"><title>${operationWords(operation)}</title></rect><text class="${label}" x="${n((from + Math.max(to, from + BAR)) / 2)}" y="${middle + 4}" text-anchor="middle">${place}</text>`;
}

function mark(from: number, to: number, middle: number, bottom: number): Markup {
  return html`<rect class="contradiction" fill="none" x="${n(from - 3)}" y="${middle - BAR / 2 - 3}" width="${n(Math.max(to - from, BAR) + 6)}" height="${BAR + 6}" rx="6"/><line class="contradiction" stroke-dasharray="3 4" x1="${n(to)}" x2="${n(to)}" y1="${middle + BAR / 2 + 3}" y2="${bottom}"/><text class="cross" x="${n(to)}" y="16" text-anchor="middle">✗</text><line class="contradiction" stroke-dasharray="3 4" x1="${n(to)}" x2="${n(to)}" y1="20" y2="${middle - BAR / 2 - 3}"/>`;
}

function short(text: string): string {
  return text.length > NAME_MAX ? `${text.slice(0, NAME_MAX - 1)}…` : text;
}
