const LIGHT = {
  page: '#ffffff',
  panel: '#f6f7f9',
  text: '#1a1d21',
  faint: '#5a6370',
  line: '#d5d9df',
  first: '#0072b2',
  second: '#c2570c',
  third: '#7a5195',
  rest: '#687280',
  'on-series': '#ffffff',
  good: '#05603a',
  bad: '#b42318',
  warn: '#8a5a00',
} as const;

const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  page: '#14171b',
  panel: '#1e2228',
  text: '#e8eaed',
  faint: '#a3abb6',
  line: '#3a414b',
  first: '#56b4e9',
  second: '#f0a35e',
  third: '#c9a2e0',
  rest: '#7d8794',
  'on-series': '#10151a',
  good: '#6fdca6',
  bad: '#ff9d92',
  warn: '#f2c464',
};

/** The colours of a page, by where they are used: blue and orange are told apart by everyone. */
export const PALETTES = { light: LIGHT, dark: DARK } as const;

const variables = (palette: Readonly<Record<string, string>>): string =>
  Object.entries(palette)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');

/** The only style sheet of a page. On paper the colours are the light ones, whatever the screen has. */
export const STYLE = `
:root{color-scheme:light dark;${variables(LIGHT)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(DARK)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main{max-width:1240px;margin:0 auto;padding:16px}
h1{font-size:1rem;font-weight:600;color:var(--faint);margin:0}
h2{font-size:1.3rem;line-height:1.3;margin:40px 0 12px}
h3{font-size:1.05rem;line-height:1.3;margin:24px 0 8px}
h4{font-size:.875rem;font-weight:600;margin:0 0 6px}
p,ul,ol{margin:8px 0;max-width:75ch}
code{font:.9em ui-monospace,"SFMono-Regular",Menlo,Consolas,monospace}
header{background:var(--panel);border-left:6px solid var(--faint);padding:16px 20px;margin:0 0 24px}
header.good{border-color:var(--good)}header.bad{border-color:var(--bad)}
.verdict{font-size:2rem;line-height:1.2;font-weight:700;margin:4px 0}
.good .verdict,.passed{color:var(--good)}.bad .verdict,.failed{color:var(--bad)}.skipped{color:var(--warn)}
.passed,.failed,.skipped{font-weight:600}.status{white-space:nowrap}
.faint,figcaption,.try{color:var(--faint)}
.warnings{border-left:4px solid var(--warn);padding:2px 16px;margin:16px 0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:24px 20px;margin:12px 0}
.columns{columns:360px 3;column-gap:32px}.columns section{break-inside:avoid}.columns tbody th{min-width:0}.columns h2{margin-top:0;padding-top:28px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:8px 32px}
figure{margin:0;max-width:460px;break-inside:avoid}
figcaption{font-size:.8125rem;line-height:1.4;margin-top:4px}
.scroll{overflow-x:auto;margin:12px 0;container-type:inline-size}
table{border-collapse:collapse;font-size:.875rem}
th,td{text-align:left;vertical-align:top;overflow-wrap:break-word;padding:5px 16px 5px 0;border-bottom:1px solid var(--line)}
thead th{border-bottom:2px solid var(--line);color:var(--faint);font-weight:600;vertical-align:bottom}
tbody th{font-weight:500;min-width:min(22ch,26vw);max-width:40ch}tbody td{min-width:14ch;max-width:60ch;overflow-wrap:anywhere}tbody .number{min-width:0}
@container(max-width:900px){th,td{padding-right:8px}.stacks tbody th,.stacks tbody td{min-width:0}}
@container(max-width:640px){${stackedCells('.stacks')}}
@media screen{@container(max-width:780px){${stackedCells('.wide')}}}
@media(max-width:480px){table{font-size:.8125rem}th,td{padding-right:10px}}
.number{text-align:right;white-space:nowrap;padding-left:8px}
details{margin:8px 0}summary{cursor:pointer;color:var(--faint);font-size:.875rem}
.check{border-top:1px solid var(--line);padding:10px 0;break-inside:avoid}
.check h3{margin:0;font-weight:500}.check p{margin:4px 0}
svg{display:block;width:100%;height:auto;font-size:12px}.scroll figure{max-width:none}svg.long{width:auto}
svg text{fill:var(--text)}svg .mark{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}svg .tick,svg .name{fill:var(--faint)}
svg .grid{stroke:var(--line)}svg .axis{stroke:var(--faint)}
svg .marker{stroke:var(--text);stroke-dasharray:4 3}
svg .stroke{fill:none;stroke-width:2;stroke-linejoin:round}
${(['first', 'second', 'third', 'rest'] as const).map((name) => `svg .${name}.fill{fill:var(--${name})}`).join('')}
svg .first.stroke,svg .first.range{stroke:var(--first)}svg .range{stroke-opacity:.4}
svg .second.stroke{stroke:var(--second);stroke-dasharray:7 3}
svg .outlier{fill:none;stroke:var(--bad);stroke-width:2}
svg .on-series{fill:var(--on-series)}
svg .change{stroke-width:3;fill:var(--rest);stroke:var(--rest)}svg .worse{fill:var(--bad);stroke:var(--bad)}svg .better{fill:var(--good);stroke:var(--good)}
svg .ring{fill:none;stroke:var(--second);stroke-width:2}
svg .lane{stroke:var(--line)}
svg .looked{fill:var(--page);stroke:var(--first);stroke-width:2}
svg .doubt{fill:var(--page);stroke:var(--first);stroke-width:2;stroke-dasharray:4 3}
svg .contradiction{stroke:var(--bad);stroke-width:3}
svg .cross{fill:var(--bad);font-weight:700}
@media print{.wide{font-size:.75rem}main{max-width:none;padding:0}body{font-size:11pt}h2,h3{break-after:avoid}tr{break-inside:avoid}.columns{columns:2}details{display:none}svg.long{width:100%}}
`;

/** Puts the cells of a row below each other, each with the name of its column. */
function stackedCells(table: string): string {
  return `${table},${table} tbody,${table} tr,${table} th,${table} td{display:block}${table} thead{display:none}${table} tr{border-bottom:1px solid var(--line);padding:6px 0}${table} tbody th,${table} tbody td{max-width:none;min-width:0;border:0;padding:1px 0}${table} tbody th{font-weight:600}${table} td{display:grid;grid-template-columns:9.5em 1fr;column-gap:12px}${table} td:empty{display:none}${table} td::before{content:attr(data-name);color:var(--faint)}${table} .number{text-align:left;white-space:normal}`;
}
