import { formatBytes } from '../core/format.ts';
import { runCostText } from '../report/cost.ts';
import type { Report } from '../report/document.ts';

/** Tells people the requests of a run and what they cost: nobody runs it a million times. */
export function costLines(report: Report): string[] {
  const { cost } = report;
  if (cost === undefined) return [];
  const { region, date } = cost.prices;
  return [requestsText(report), `this run cost ${runCostText(report)} US dollars (${region}, prices of ${date})`];
}

function requestsText({ requests }: Report): string {
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
  return `${counts.join(', ')}; ${formatBytes(bytesDown)} down, ${formatBytes(bytesUp)} up`;
}
