@main
struct Martinet {
  static func main() {}
}
