import { describe, expect, test } from 'vitest';
import { decodeEntities } from './entities.ts';
import { fieldChecksum, foldCase, isEmptyField, normalizedPath, stripHtml } from './text.ts';

describe('stripping a field', () => {
  test.each([
    { name: 'plain text stays', field: 'test', text: 'test' },
    { name: 'tags go and leave no space', field: 't<b>e</b>st', text: 'test' },
    { name: 'a line break leaves no space either', field: 'a<br>b', text: 'ab' },
    { name: 'a script goes with its content, in any case', field: 'so<SCRIPT>t<b>e</b>st</script>me', text: 'some' },
    { name: 'a style sheet goes with its content', field: '<style>\n.a { }\n</style>x', text: 'x' },
    { name: 'an unclosed style sheet goes as a tag only', field: '<style>x', text: 'x' },
    { name: 'a comment goes with the tags in it', field: 'a<!-- <b> -->c', text: 'ac' },
    { name: 'a lone < stays', field: '1 < 2', text: '1 < 2' },
    { name: 'an unquoted image name stays, between spaces', field: '<img src=foo.jpg>', text: ' foo.jpg ' },
    { name: 'a single-quoted image name stays', field: "<img src='foo.jpg'><html>", text: ' foo.jpg ' },
    { name: 'a double-quoted image name keeps its spaces', field: '<img src="a b.jpg" alt=x>', text: ' a b.jpg ' },
    { name: 'an image name before another attribute', field: '<img src=foo.jpg alt=bar>', text: ' foo.jpg ' },
    { name: 'audio, video and source name files', field: '<video><source src="v.mp4"></video>', text: ' v.mp4 ' },
    { name: 'an object names its data', field: '<object data="o.svg">x</object>', text: ' o.svg x' },
    { name: 'the attribute is found in any case', field: '<IMG SRC="a.png">', text: ' a.png ' },
    { name: 'src must be a whole word', field: '<img xsrc=a>', text: '' },
    { name: 'a > in a quoted value does not end the tag', field: '<img alt="a>b" src="c.png">', text: ' c.png ' },
    { name: 'an image without a source is a tag like others', field: 'a<img alt="x">b', text: 'ab' },
    { name: 'the tag of another element is no medium', field: '<imgs src="a.png">', text: '' },
    { name: 'a sound tag is no HTML', field: '[sound:a.mp3]', text: '[sound:a.mp3]' },
    { name: 'entities are decoded after the tags went', field: '&lt;b&gt; <i>x</i>', text: '<b> x' },
  ])('$name', ({ field, text }) => {
    expect(stripHtml(field)).toBe(text);
  });

  test('a tag with many quotes and no source is walked through once', () => {
    expect(stripHtml(`<img ${'alt="a" '.repeat(5_000)}>end`)).toBe('end');
  });
});

describe('entities', () => {
  test.each([
    { name: 'the markup characters', text: '&amp;&lt;&gt;&quot;', decoded: '&<>"' },
    { name: 'a no-break space becomes a space', text: 'a&nbsp;b', decoded: 'a b' },
    { name: 'a raw no-break space too, once anything is decoded', text: 'a\u00a0b&amp;', decoded: 'a b&' },
    { name: 'a raw no-break space alone stays', text: 'a\u00a0b', decoded: 'a\u00a0b' },
    { name: 'Latin letters by name', text: '&Agrave;&yuml;&szlig;&eth;', decoded: 'Àÿßð' },
    { name: 'Greek letters by name', text: '&Alpha;&Sigma;&Omega;&alpha;&sigmaf;&sigma;&omega;', decoded: 'ΑΣΩαςσω' },
    { name: 'symbols by name', text: '&hellip;&euro;&rarr;&hearts;&ndash;', decoded: '…€→♥–' },
    { name: 'decimal numbers', text: '&#65;&#128512;', decoded: 'A😀' },
    { name: 'hexadecimal numbers in either case', text: '&#x4e;&#x4E;', decoded: 'NN' },
    { name: 'a bare ampersand leaves everything as it is', text: 'AT&T &amp; x', decoded: 'AT&T &amp; x' },
    { name: 'an unknown name leaves everything as it is', text: '&nope; &lt;', decoded: '&nope; &lt;' },
    { name: 'names are those of HTML 4, so an apostrophe is unknown', text: '&apos;', decoded: '&apos;' },
    { name: 'names keep their case', text: '&Amp;', decoded: '&Amp;' },
    { name: 'a capital X is no number', text: '&#X41;', decoded: '&#X41;' },
    { name: 'a surrogate is no character', text: '&#xd800;', decoded: '&#xd800;' },
    { name: 'a number beyond Unicode is no character', text: '&#1114112;', decoded: '&#1114112;' },
  ])('$name', ({ text, decoded }) => {
    expect(decodeEntities(text)).toBe(decoded);
  });

  test('the first and last name of each part of the table is one character', () => {
    const names =
      'nbsp yuml Alpha Omega alpha omega quot OElig fnof piv ensp euro image alefsym larr hArr forall diams';
    for (const name of names.split(' ')) expect([...decodeEntities(`&${name};`)].length, name).toBe(1);
  });
});

describe('the checksum', () => {
  test.each([
    { name: "Anki's own test value", field: 'test', checksum: 2840236005 },
    { name: "Anki's own test value beyond ASCII", field: '今日', checksum: 1464653051 },
    { name: "AnkiDroid's test value", field: 'AnkiDroid', checksum: 3533307532 },
    { name: 'markup does not count', field: '<b>te</b>st', checksum: 2840236005 },
    { name: 'a checksum with leading zeros stays an integer', field: '', checksum: 0xda39a3ee },
  ])('$name', ({ field, checksum }) => {
    expect(fieldChecksum(field)).toBe(checksum);
  });
});

describe('an empty field', () => {
  test.each([
    { field: '', empty: true },
    { field: ' \n\t', empty: true },
    { field: '<br>', empty: true },
    { field: '<div><br /></div>', empty: true },
    { field: '<BR/>', empty: true },
    { field: '<b></b>', empty: false },
    { field: '&nbsp;', empty: false },
    { field: 'x', empty: false },
  ])('$field is empty: $empty', ({ field, empty }) => {
    expect(isEmptyField(field)).toBe(empty);
  });
});

describe('names', () => {
  test.each([
    { name: 'letters', one: 'Foo', other: 'fOO', same: true },
    { name: 'sharp s', one: 'Straße', other: 'STRASSE', same: true },
    { name: 'both small sigmas', one: 'σας', other: 'ΣΑΣ', same: true },
    { name: 'letters beyond ASCII', one: 'ÀÉ', other: 'àé', same: true },
    { name: 'the dotless i is another letter', one: 'ı', other: 'I', same: false },
  ])('fold: $name', ({ one, other, same }) => {
    expect(foldCase(one) === foldCase(other)).toBe(same);
  });

  test.each([
    { name: 'a plain one stays', given: 'foo::bar', stored: 'foo::bar' },
    { name: 'empty parts are blank', given: 'foo::::baz', stored: 'foo::blank::baz' },
    { name: 'control characters go', given: 'fo\x1fo::ba\nr', stored: 'foo::bar' },
    { name: 'double quotes and outer spaces go', given: ' "a" :: b ', stored: 'a::b' },
    { name: 'characters are composed', given: '\ufa47', stored: '\u6f22' },
  ])('path: $name', ({ given, stored }) => {
    expect(normalizedPath(given)).toBe(stored);
  });
});
