import path from 'node:path'

const base = await Promise.resolve(path.basename(import.meta.url))
export const handler = async () => base
export default { other: async () => 'of default' }
