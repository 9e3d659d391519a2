import 'not-installed'; export const handler = async () => 1
