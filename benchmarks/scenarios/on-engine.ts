import type { Scenario } from './scenario.ts';

/** Repeats a scenario on a real engine, but not on the far link, whose share is known. */
export function onEngine(scenario: Scenario): Scenario {
  return {
    name: `${scenario.name}-on-engine`,
    engine: true,
    question: `${scenario.question.slice(0, -1)}, on a real S3 engine?`,
    method:
      `As ${scenario.name}. The engine shares the processors with the client. It does not tell what it has seen, so requests, ` +
      'bytes and connections are what left the client and came back to it.',
    run: async (bench) => {
      const links = bench.links.filter(({ name }) => name !== 'far');
      const findings = await scenario.run({ ...bench, links, half: true });
      const mustHolds = findings.mustHolds?.map((each) => ({ ...each, name: `${each.name}, on a real engine` }));
      return { ...findings, ...(mustHolds && { mustHolds }) };
    },
  };
}
