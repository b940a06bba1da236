import { type Content, html, type Markup } from './markup.ts';
import type { Scale } from './scale.ts';
import { number } from './text.ts';

/** A quantity with its unit, and where its values stand. */
export interface Axis {
  readonly name: string;
  readonly scale: Scale;
}

export interface ChartText {
  /** What the picture is called, for a reader who does not see it. */
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly description: string;
}

/** Where values stand in a chart, in the units of its picture. */
export interface Plot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  x(value: number): number;
  y(value: number): number;
}

// So wide that it fits a phone unscaled, and three fit beside each other on a desk.
export const WIDTH = 380;
const HEIGHT = 236;
const MARGIN = { left: 46, right: 22, top: 40, bottom: 44 };
const GAP = 8;

/** Draws axes with ticks, and what `draw` puts between them. */
export function chart(text: ChartText, x: Axis, y: Axis, draw: (plot: Plot) => Content): Markup {
  const widest = Math.max(...y.scale.ticks.map((value) => widthOf(number(value))));
  const left = Math.max(MARGIN.left, widest + GAP);
  const [right, top, bottom] = [WIDTH - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom];
  const plot: Plot = {
    left,
    right,
    top,
    bottom,
    x: (value) => left + x.scale.at(value) * (right - left),
    y: (value) => bottom - y.scale.at(value) * (bottom - top),
  };
  const rows = y.scale.ticks.map((value) => {
    const at = n(plot.y(value));
    return html`<line class="grid" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/><text class="tick" x="${left - 6}" y="${n(plot.y(value) + 4)}" text-anchor="end">${number(value)}</text>`;
  });
  const columns = x.scale.ticks.map((value) => {
    const at = n(plot.x(value));
    return html`<line class="axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/>`;
  });
  const labels = apart(
    x.scale.ticks.map((value) => ({ at: plot.x(value), text: number(value) })),
    WIDTH,
  ).map(
    (label) => html`<text class="tick" x="${n(label.at)}" y="${bottom + 18}" text-anchor="middle">${label.text}</text>`,
  );
  return picture(
    text,
    WIDTH,
    HEIGHT,
    html`${rows}${columns}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${labels}<text class="name" x="0" y="12">${axisName(y)}</text><text class="name" x="${right}" y="${HEIGHT - 6}" text-anchor="end">${axisName(x)}</text>${draw(plot)}`,
  );
}

/** Draws one picture, whose text a reader who does not see it is told. */
export function picture({ title, description }: ChartText, width: number, height: number, content: Content): Markup {
  // One that is wider than a phone keeps its size, and is scrolled.
  const size = width > WIDTH ? html` width="${width}" height="${height}" class="long"` : undefined;
  return html`<svg role="img"${size} viewBox="0 0 ${width} ${height}"><title>${title}</title><desc>${description}</desc>${content}</svg>`;
}

/** Labels a place above the plot; the label stays inside the picture. */
export function labelAbove(plot: Plot, x: number, text: string): Markup {
  const half = widthOf(text) / 2;
  const at = Math.min(Math.max(x, half), WIDTH - half);
  return html`<text class="mark" x="${n(at)}" y="${plot.top - 10}" text-anchor="middle">${text}</text>`;
}

/** Puts a picture under its heading and above the sentences that say how to read it. */
export function figureOf(heading: string, drawing: Markup, caption: Content): Markup {
  return html`<figure><h4>${heading}</h4>${drawing}<figcaption>${caption}</figcaption></figure>`;
}

/** Formats a coordinate. A tenth of a pixel is enough, and keeps a page small. */
export function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Returns about how wide a text is, in the font of the pictures; rather more than less. */
export function widthOf(text: string): number {
  return text.length * 7.2;
}

/** Leaves out centred labels that would meet the one before, or leave the picture. */
export function apart<T extends { readonly at: number; readonly text: string }>(
  labels: readonly T[],
  width: number,
): T[] {
  let end = 0;
  return labels.filter(({ at, text }) => {
    const half = widthOf(text) / 2;
    if (at - half < end || at + half > width) return false;
    end = at + half + GAP;
    return true;
  });
}

function axisName({ name, scale }: Axis): string {
  return scale.isLogarithmic ? `${name}, logarithmic` : name;
}
