handler() {
  echo "unclosed
