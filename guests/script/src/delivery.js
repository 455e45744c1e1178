// What a function sees of a delivery.

import { cleaned } from "./secrets.js";

export function seen(delivery) {
  const { id, now, event, alert, provider, commitStatus, facts } = without(delivery);
  const { config, ...configured } = provider;
  const metadata = named(event.metadata);
  return {
    id,
    now: now.rfc3339,
    event: { ...event, timestamp: event.timestamp?.rfc3339, metadata },
    metadata,
    alert,
    provider: { ...configured, address: provider.address?.val },
    commitStatus: commitStatus ?? undefined,
    facts: named(facts),
  };
}

// An event that might come, for what only shows when a function is called.
export function example(provider) {
  const timestamp = { seconds: 1577836800, rfc3339: "2020-01-01T00:00:00Z" };
  return {
    id: "00000000000000000000000000000000",
    now: timestamp,
    event: {
      involvedObject: {
        apiVersion: "kustomize.toolkit.fluxcd.io/v1",
        kind: "Kustomization",
        namespace: "default",
        name: "example",
        uid: "00000000-0000-0000-0000-000000000000",
        resourceVersion: "1",
        fieldPath: "",
      },
      severity: "info",
      timestamp,
      message: "Reconciliation finished",
      reason: "ReconciliationSucceeded",
      metadata: [["revision", "main@sha1:0000000000000000000000000000000000000000"]],
      reportingController: "kustomize-controller",
      reportingInstance: "kustomize-controller-0",
    },
    alert: { namespace: "default", name: "example", uid: "00000000-0000-0000-0000-000000000000" },
    provider,
    facts: [["attempt", "1"]],
  };
}

// The same without anything that could be taken for a secret.
function without(value) {
  if (typeof value === "string") return cleaned(value);
  if (Array.isArray(value)) return value.map(without);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, without(member)]));
}

// Pairs by their names, which may be any: an object without a prototype has no other.
function named(pairs) {
  const object = Object.create(null);
  for (const [name, value] of pairs) object[name] = value;
  return object;
}
