// One PDS with its PLC directory, and a small door for the acts of a test: server.mjs PORT FOLDER.
//
//   GET /post?text=T           publishes, answers with its address     GET /posts?text=T&text=U   several in one commit
//   GET /edit?uri=U&text=T     GET /delete?uri=U     GET /like?uri=U
//   GET /leave                 a second account publishes once and is deactivated; answers with its DID
//   GET /restart               the PDS ends and starts again on its data
//   GET /addresses             of the PLC directory and the account that publishes
import { createServer } from 'node:http'
import { mkdirSync, writeFileSync } from 'node:fs'
import { TestPds, TestPlc } from '@atproto/dev-env'

const port = Number(process.argv[2])
const folder = process.argv[3]
const collection = 'app.bsky.feed.post'
for (const name of ['data', 'blobs']) mkdirSync(`${folder}/${name}`, { recursive: true })

const plc = await TestPlc.create({})
const open = () => TestPds.create({
    port, hostname: 'localhost', didPlcUrl: plc.url, dataDirectory: `${folder}/data`, blobstoreDiskLocation: `${folder}/blobs`,
})
let pds = await open()

const join = async (name) => {
    const agent = pds.getAgent()
    const session = await agent.createAccount({ handle: `${name}.test`, email: `${name}@example.org`, password: 'test-Password-1' })
    return { agent, did: session.data.did, name }
}
// The public directory writes keys as Multikey; the one that comes with the PDS does not, and Jetstream reads no other.
const directory = createServer(async (request, response) => {
    const did = request.url.slice(1)
    const given = await fetch(`${plc.url}/${did}`)
    response.statusCode = given.status
    response.setHeader('content-type', 'application/did+ld+json')
    const document = await given.json()
    if (given.ok) {
        const { verificationMethods } = await (await fetch(`${plc.url}/${did}/data`)).json()
        document['@context'] = ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1']
        document.verificationMethod = Object.entries(verificationMethods).map(([name, key]) => ({
            id: `${did}#${name}`, type: 'Multikey', controller: did, publicKeyMultibase: key.replace('did:key:', ''),
        }))
    }
    response.end(JSON.stringify(document))
})
await new Promise((resolve) => directory.listen(0, '127.0.0.1', resolve))

const author = await join('amt')
const record = (text) => ({ $type: collection, text, langs: ['de'], createdAt: new Date().toISOString() })
const rkey = (uri) => uri.split('/').pop()

const acts = {
    async post({ text: [text] }, { agent, did } = author) {
        return (await agent.com.atproto.repo.createRecord({ repo: did, collection, record: record(text) })).data.uri
    },
    async posts({ text }) {
        const writes = text.map((t) => ({ $type: 'com.atproto.repo.applyWrites#create', collection, value: record(t) }))
        const { data } = await author.agent.com.atproto.repo.applyWrites({ repo: author.did, writes })
        return data.results.map((r) => r.uri).join(' ')
    },
    async edit({ uri: [uri], text: [text] }) {
        await author.agent.com.atproto.repo.putRecord({ repo: author.did, collection, rkey: rkey(uri), record: record(text) })
    },
    async delete({ uri: [uri] }) {
        await author.agent.com.atproto.repo.deleteRecord({ repo: author.did, collection, rkey: rkey(uri) })
    },
    async like({ uri: [uri] }) {
        const subject = { uri, cid: 'bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi' }
        const liked = { $type: 'app.bsky.feed.like', subject, createdAt: new Date().toISOString() }
        await author.agent.com.atproto.repo.createRecord({ repo: author.did, collection: 'app.bsky.feed.like', record: liked })
    },
    async leave() {
        const guest = await join('gast')
        await acts.post({ text: ['abschied'] }, guest)
        await guest.agent.com.atproto.server.deactivateAccount({})
        return guest.did
    },
    async restart() {
        await pds.close()
        pds = await open()
        await author.agent.login({ identifier: 'amt.test', password: 'test-Password-1' })
    },
    async addresses() {
        return `http://127.0.0.1:${directory.address().port} ${author.did}`
    },
}

const door = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost')
    const given = Object.fromEntries([...url.searchParams.keys()].map((k) => [k, url.searchParams.getAll(k)]))
    try {
        response.end(`${(await acts[url.pathname.slice(1)](given)) ?? ''}\n`)
    } catch (error) {
        response.statusCode = 500
        response.end(`${error}\n`)
    }
})
door.listen(0, '127.0.0.1', () => {
    writeFileSync(`${folder}/door`, String(door.address().port))
    console.log(`ready 127.0.0.1:${port}`)
})
