// Runs the independent evaluator over JSON lines in the format of `pipeline-access evaluate`.
// Its own process and its own package: only its exported functions are called.
//   node peer.mjs < cases          one line {"id","decision","ignored"} a case
//   node peer.mjs --bench SECONDS < cases    one line {"cases","evaluations_per_second"}
import { createInterface } from 'node:readline'
import { anonymousPrincipal, runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const WORDS = { Allowed: 'allowed', ExplicitlyDenied: 'explicitDeny', ImplicitlyDenied: 'implicitDeny' }

function simulationOf(line) {
  const { request } = line
  const levels = (given) =>
    (given ?? []).map(({ org_id, policies }) => ({ orgIdentifier: org_id, policies }))
  return {
    request: {
      principal: request.principal === '*' ? anonymousPrincipal : request.principal,
      action: request.action,
      resource: { resource: request.resource, accountId: request.resource_account },
      contextVariables: request.context,
    },
    identityPolicies: line.identity_policies ?? [],
    serviceControlPolicies: levels(line.scps),
    resourceControlPolicies: levels(line.rcps),
    resourcePolicy: line.resource_policy ?? undefined,
    permissionBoundaryPolicies: line.permission_boundaries ?? undefined,
    sessionPolicy: line.session_policy ?? undefined,
    vpcEndpointPolicies: line.vpce_policies ?? undefined,
  }
}

// The checked entry point leaves out context keys that it does not know for the action: they are
// told, so that both sides can answer the same question.
async function decide(simulation) {
  const answer = await runSimulation(simulation, {})
  if (answer.resultType === 'error') return { error: JSON.stringify(answer.errors) }
  const ignored = answer.result?.ignoredContextKeys ?? []
  return { decision: WORDS[answer.overallResult] ?? String(answer.overallResult), ignored }
}

// The unchecked entry point is the fast one, but takes no resource-based policy.
function roundOf(simulations) {
  if (simulations.some((simulation) => simulation.resourcePolicy)) {
    return async () => {
      for (const simulation of simulations) await runSimulation(simulation, {})
    }
  }
  return () => {
    for (const simulation of simulations) runUnsafeSimulation(simulation, {})
  }
}

const bench = process.argv.indexOf('--bench')
const simulations = []
for await (const text of createInterface({ input: process.stdin })) {
  if (!text.trim()) continue
  const line = JSON.parse(text)
  const simulation = simulationOf(line)
  if (bench >= 0) {
    simulations.push(simulation)
    continue
  }
  let out
  try {
    out = { id: line.id, ...(await decide(simulation)) }
  } catch (error) {
    out = { id: line.id, error: String(error?.message ?? error) }
  }
  process.stdout.write(JSON.stringify(out) + '\n')
}

if (bench >= 0) {
  const seconds = Number(process.argv[bench + 1] ?? '5')
  const round = roundOf(simulations)
  await round() // not timed: the first round compiles
  const start = process.hrtime.bigint()
  let done = 0
  let passed = 0
  while (passed < seconds) {
    await round()
    done += simulations.length
    passed = Number(process.hrtime.bigint() - start) / 1e9
  }
  const rate = Math.round(done / passed)
  process.stdout.write(JSON.stringify({ cases: simulations.length, evaluations_per_second: rate }) + '\n')
}
