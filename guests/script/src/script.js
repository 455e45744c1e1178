// `script`: a request that its user wrote as a function in JavaScript, to any HTTP endpoint.
//
// Knows the interface to the host. What the function sees, how it is run and what it may return, the other files know.

import { authorized, problem as authorizationProblem } from "./authorization.js";
import { example, seen } from "./delivery.js";
import { Mistake, Skip, Unsendable } from "./endings.js";
import { random } from "./random.js";
import { requestOf } from "./request.js";
import { compiled, told } from "./run.js";
import { CONFIG_SCHEMA } from "./schema.js";
import { PLACEMENTS } from "./secrets.js";

export const formatter = {
  describe() {
    return {
      summary: "A request of your own, made by a function in JavaScript, to any HTTP endpoint",
      purpose: "message",
      hosts: [],
      secrets: PLACEMENTS,
      credentials: [],
      configSchema: JSON.stringify(CONFIG_SCHEMA),
    };
  },

  check(provider) {
    const options = JSON.parse(provider.config);
    const found = [addressProblem(provider), authorizationProblem(options.authorization, provider)];
    const problems = found.filter((problem) => problem);
    const delivery = example(provider);
    let request;
    try {
      request = start(options, delivery);
    } catch (error) {
      return [...problems, told(error)];
    }
    try {
      requestOf(request(seen(delivery)), provider);
    } catch (error) {
      // What else goes wrong may do so with this event alone.
      const isCertain = error instanceof Mistake ? error.isCertain : error instanceof ReferenceError;
      if (isCertain) problems.push(told(error));
    }
    return problems;
  },

  next(delivery) {
    const { provider } = delivery;
    const options = JSON.parse(provider.config);
    const problem = authorizationProblem(options.authorization, provider);
    if (problem) throw { tag: "misconfigured", val: problem };
    try {
      const request = requestOf(start(options, delivery)(seen(delivery)), provider);
      return { tag: "finish", val: authorized(options.authorization, request, provider) };
    } catch (error) {
      if (error instanceof Skip) {
        return { tag: "done", val: { outcome: { tag: "skipped", val: error.message } } };
      }
      const tag = error instanceof Unsendable ? "unsendable" : "misconfigured";
      throw { tag, val: error instanceof Unsendable ? error.message : told(error) };
    }
  },
};

// The user's function, once all that it may use is there.
function start(options, delivery) {
  // That of QuickJS was seeded when this file was built.
  Math.random = random(delivery.id);
  return compiled(options.script, delivery.provider.secretKeys);
}

function addressProblem({ address }) {
  const change = "set spec.address, or `address` in the Secret, to a URL that starts with https:// or http://";
  if (!address) return `there is no address: ${change}`;
  if (address.tag === "name") return `the address is not a URL: ${change}`;
  const { scheme } = address.val;
  return ["http", "https"].includes(scheme) ? null : `the address begins with ${scheme}://: ${change}`;
}
