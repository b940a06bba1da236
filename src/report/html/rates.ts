import type { Report } from '../document.ts';
import { parseThreshold, type Threshold } from '../threshold.ts';
import { type Axis, chart, figureOf, n, type Plot } from './chart.ts';
import { type Content, html, type Markup } from './markup.ts';
import { table } from './page.ts';
import { scaleFor } from './scale.ts';
import { number, quantity, unitName } from './text.ts';

type Step = NonNullable<Report['steps']>[number];

const CAPTION =
  'Dot: the objective held. Cross: the deployment did not keep up. Ring: the client was the limit, and says nothing about the deployment.';

/** Draws the search for the rate that breaks an objective: what was completed, and the objective's figure, at each rate. */
export function rates({
  steps = [],
  parameters,
  metrics,
}: Pick<Report, 'steps' | 'parameters' | 'metrics'>): Content[] {
  if (steps.length === 0) return [];
  const objective = objectiveOf(parameters);
  const [metric = '', statistic = ''] = objective?.figure.split('.') ?? [];
  // A count of samples has no unit.
  const unit = statistic === 'count' ? undefined : metrics[metric]?.unit;
  const measured = steps.flatMap((step) => (step.actual === undefined ? [] : [{ ...step, actual: step.actual }]));
  return [
    html`<p>${summary(steps, objective)}</p>`,
    html`<div class="figures">${completed(steps)}${objective === undefined || measured.length === 0 ? undefined : figures(measured, objective, unit)}</div>`,
    table(
      'rates that were tried',
      [
        { name: 'offered' },
        { name: 'result' },
        ...['objective’s figure', 'completed per second', 'client busy'].map((name) => ({ name, isNumber: true })),
        { name: 'why' },
      ],
      steps.map(({ ratePerSecond, held, actual, completedPerSecond, clientBusyPercent, limit, reason }) => [
        `${number(ratePerSecond)}/s`,
        html`<span class="${held ? 'passed' : 'failed'} status">${held ? '✓ held' : `✗ ${limit ?? 'not held'}`}</span>`,
        actual === undefined ? 'not measured' : unit === undefined ? number(actual) : quantity(actual, unit),
        number(completedPerSecond),
        `${number(clientBusyPercent)} %`,
        reason,
      ]),
    ),
  ];
}

/** Returns the highest rate that held and what limited the next, in a line; undefined where no rate held. */
export function kneeText({ steps = [], parameters }: Pick<Report, 'steps' | 'parameters'>): string | undefined {
  const { held, broken } = found(steps);
  if (held === 0) return undefined;
  const limit = broken === undefined ? 'no higher rate broke it' : `limited by the ${broken.limit ?? 'deployment'}`;
  const { expression = 'not known' } = objectiveOf(parameters) ?? {};
  return `Knee: ${number(held)} requests/s, ${limit}; objective ${expression}`;
}

/** Returns the highest rate that held, 0 where none did, and the lowest above it that did not. */
function found(steps: readonly Step[]): { readonly held: number; readonly broken: Step | undefined } {
  const held = Math.max(0, ...steps.map((step) => (step.held ? step.ratePerSecond : 0)));
  const [broken] = steps
    .filter((step) => !step.held && step.ratePerSecond > held)
    .toSorted((a, b) => a.ratePerSecond - b.ratePerSecond);
  return { held, broken };
}

function objectiveOf({ objective }: Report['parameters']): Threshold | undefined {
  try {
    return parseThreshold(String(objective));
  } catch {
    // A report from elsewhere may have none, or one of a later grammar.
    return undefined;
  }
}

function summary(steps: readonly Step[], objective: Threshold | undefined): string {
  const { held, broken: least } = found(steps);
  const what = objective?.expression ?? 'the objective';
  const holds =
    held === 0 ? `No rate was found at which ${what} holds.` : `${what} holds at ${number(held)} per second.`;
  if (least === undefined) return `${holds} No rate was found at which it does not.`;
  const limit = least.limit === 'client' ? ', where the client was the limit' : '';
  return `${holds} It does not at ${number(least.ratePerSecond)}${limit}.`;
}

function completed(steps: readonly Step[]): Markup {
  const offered = offeredAxis(steps);
  const most = Math.max(...steps.map(({ completedPerSecond }) => completedPerSecond));
  const text = {
    title: 'Completed per second at each rate',
    description: `Up to ${number(most)} operations per second were completed.`,
  };
  const y = { name: 'completed operations per second', scale: scaleFor(0, Math.max(most, 1)) };
  const drawing = chart(text, offered, y, (plot) => {
    const end = Math.min(offered.scale.high, y.scale.high);
    return [
      html`<line class="marker" x1="${n(plot.x(0))}" x2="${n(plot.x(end))}" y1="${n(plot.y(0))}" y2="${n(plot.y(end))}"/>`,
      steps.map((step) => point(plot, step, step.completedPerSecond)),
    ];
  });
  return figureOf('What was completed', drawing, `The dashed line is all that was offered. ${CAPTION}`);
}

function figures(
  steps: readonly (Step & { actual: number })[],
  objective: Threshold,
  unit: string | undefined,
): Markup {
  const values = [...steps.map(({ actual }) => actual), objective.limit];
  const text = {
    title: `${objective.figure} at each rate`,
    description: `From ${number(Math.min(...values))} to ${number(Math.max(...values))}; the objective is ${objective.expression}.`,
  };
  const y = {
    name: unit === undefined ? objective.figure : `${objective.figure}, ${unitName(unit)}`,
    scale: scaleFor(Math.min(...values), Math.max(...values)),
  };
  const drawing = chart(text, offeredAxis(steps), y, (plot) => [
    html`<line class="marker" x1="${plot.left}" x2="${plot.right}" y1="${n(plot.y(objective.limit))}" y2="${n(plot.y(objective.limit))}"/>`,
    steps.map((step) => point(plot, step, step.actual)),
  ]);
  return figureOf(
    'The figure of the objective',
    drawing,
    `The dashed line is the objective, ${objective.expression}. ${CAPTION}`,
  );
}

function offeredAxis(steps: readonly Step[]): Axis {
  const most = Math.max(...steps.map(({ ratePerSecond }) => ratePerSecond));
  return { name: 'offered operations per second', scale: scaleFor(0, Math.max(most, 1)) };
}

function point(plot: Plot, { ratePerSecond, held, limit }: Step, value: number): Markup {
  const [x, y] = [plot.x(ratePerSecond), plot.y(value)];
  const title = html`<title>${number(ratePerSecond)} per second: ${number(value)}</title>`;
  if (held) return html`<circle class="first fill" cx="${n(x)}" cy="${n(y)}" r="4">${title}</circle>`;
  if (limit === 'client') return html`<circle class="ring" cx="${n(x)}" cy="${n(y)}" r="4">${title}</circle>`;
  const [left, right, top, bottom] = [x - 4, x + 4, y - 4, y + 4].map(n);
  return html`<path class="outlier" d="M${left} ${top}L${right} ${bottom}M${left} ${bottom}L${right} ${top}">${title}</path>`;
}
