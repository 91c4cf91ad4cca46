import ArgumentParser
import Console

/// A command that says in one line what is wrong: `copy: standard output: No space left on device`.
public protocol Program: ParsableCommand {}

extension Program {
    /// Where the program begins.
    public static func main() {
        do {
            var program = try parseAsRoot()
            try program.run()
        } catch {
            let code = exitCode(for: error)
            if code.isSuccess || error is ExitCode { exit(withError: error) }
            let hint = code == .validationFailure ? " (see --help)" : ""
            complain("\(configuration.commandName ?? ""): \(message(for: error))\(hint)")
            exit(withError: code)
        }
    }
}
