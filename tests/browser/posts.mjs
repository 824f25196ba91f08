// More of the bundled sample, for a long shift: its posts in rounds, each round with other ids, accounts and closing words.
import { readFileSync } from "node:fs";

const ROUNDS = 8;
const sample = readFileSync(new URL("../../config/sample/posts.jsonl", import.meta.url), "utf8").trim().split("\n").map(JSON.parse);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const post of sample) {
    const id = `${post.id}-${round}`;
    const text = round === 0 ? post.text : `${post.text} (${round})`;
    console.log(JSON.stringify({ ...post, id, text, author: `${post.author}-${round}`, url: `https://beispielnetz.example/${id}` }));
  }
}
