import { formatBytes } from '../core/format.ts';
import type { Report } from '../report/document.ts';

/** What a run asked for and what a million of its operations would cost, for people. */
export function costLines({ requests, cost, costUsdPerMillion = 0 }: Report): string[] {
  // Where nothing was measured there is nothing to say.
  if (cost === undefined) return [];
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
  // Cents matter, and so does the first digit of what costs less.
  const usd =
    costUsdPerMillion >= 0.1 ? costUsdPerMillion.toFixed(2) : String(Number(costUsdPerMillion.toPrecision(1)));
  return [
    `${counts.join(', ')}; ${formatBytes(bytesDown)} down, ${formatBytes(bytesUp)} up`,
    `a million cost ${usd} US dollars (${cost.prices.region}, prices of ${cost.prices.date});`,
    `  one is ${cost.operation}`,
  ];
}
