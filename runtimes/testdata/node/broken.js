exports.handler = async () => {
  return {
