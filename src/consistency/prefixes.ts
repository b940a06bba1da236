/** Where a list is among others: whatever begins with it is within. */
export interface Place {
  readonly first: number;
  readonly last: number;
}

/** True if the list at one place begins with the list at the other, or equals it. */
export function beginsWith(longer: Place, shorter: Place): boolean {
  return shorter.first <= longer.first && longer.last <= shorter.last;
}

interface Node {
  readonly next: Map<string, Node>;
  first: number;
  last: number;
}

/** Returns a place for each list, so that two can be compared in one step however long they are. */
export function placesOf(lists: readonly (readonly string[])[]): Place[] {
  const root = emptyNode();
  const nodes = lists.map((list) => {
    let node = root;
    for (const value of list) {
      let next = node.next.get(value);
      if (next === undefined) {
        next = emptyNode();
        node.next.set(value, next);
      }
      node = next;
    }
    return node;
  });
  // A recursion would be as deep as the longest list.
  let count = 0;
  const open: { readonly node: Node; readonly rest: Iterator<Node> }[] = [{ node: root, rest: root.next.values() }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { value: node, done } = top.rest.next();
    if (done === true) {
      top.node.last = count;
      open.pop();
    } else {
      node.first = ++count;
      open.push({ node, rest: node.next.values() });
    }
  }
  return nodes;
}

function emptyNode(): Node {
  return { next: new Map(), first: 0, last: 0 };
}
