import { formatBytes } from '../core/format.ts';
import type { Report } from '../report/document.ts';

/** Tells people the requests of a run and the price of a million of its operations, if it measured anything. */
export function costLines({ requests, cost, costUsdPerMillion = 0 }: Report): string[] {
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
  // To the cent, or to the first digit of less than ten cents.
  const usd =
    costUsdPerMillion >= 0.1 ? costUsdPerMillion.toFixed(2) : String(Number(costUsdPerMillion.toPrecision(1)));
  return [
    `${counts.join(', ')}; ${formatBytes(bytesDown)} down, ${formatBytes(bytesUp)} up`,
    `a million cost ${usd} US dollars (${cost.prices.region}, prices of ${cost.prices.date});`,
    `  one is ${cost.operation}`,
  ];
}
