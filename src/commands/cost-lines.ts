import { formatBytes } from '../core/format.ts';
import type { Report } from '../report/document.ts';

/** Tells people the requests of a run and the price of a million of its operations, if it measured anything. */
export function costLines(report: Report): string[] {
  const { cost, costUsdPerMillion = 0 } = report;
  if (cost === undefined) return [];
  // To the cent, or to the first digit of less than ten cents.
  const usd =
    costUsdPerMillion >= 0.1 ? costUsdPerMillion.toFixed(2) : String(Number(costUsdPerMillion.toPrecision(1)));
  return [
    ...requestLines(report),
    `a million cost ${usd} US dollars (${cost.prices.region}, prices of ${cost.prices.date});`,
    `  one is ${cost.operation}`,
  ];
}

/** Tells people the requests of a run and what they cost: nobody runs it a million times. */
export function runCostLines(report: Report): string[] {
  const { cost, costUsdPerMillion = 0 } = report;
  if (cost === undefined) return [];
  const usd = (costUsdPerMillion * cost.operations) / 1e6;
  const amount = usd.toLocaleString('en-US', { maximumSignificantDigits: 2 });
  return [
    ...requestLines(report),
    `this run cost ${amount} US dollars (${cost.prices.region}, prices of ${cost.prices.date})`,
  ];
}

/** Two lines where one would be too long, also indented. */
function requestLines({ requests }: Report): string[] {
  const { bytesDown, bytesUp, dynamo, lambda } = requests;
  const counts = [
    `${requests.get} GET`,
    `${requests.put} PUT`,
    ...(['head', 'delete', 'list'] as const).flatMap((name) =>
      requests[name] === 0 ? [] : [`${requests[name]} ${name.toUpperCase()}`],
    ),
    ...(dynamo === undefined || dynamo.read + dynamo.write === 0
      ? []
      : [`${dynamo.read} reads and ${dynamo.write} writes of tables`]),
    ...(lambda === undefined ? [] : [`${lambda.invocations} calls of the function`]),
  ];
  const [asked, moved] = [`${counts.join(', ')};`, `${formatBytes(bytesDown)} down, ${formatBytes(bytesUp)} up`];
  const line = `${asked} ${moved}`;
  return line.length <= 78 ? [line] : [asked, `  ${moved}`];
}
