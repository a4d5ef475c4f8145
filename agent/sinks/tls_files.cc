#include "agent/sinks/tls_files.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

std::string OpenSslReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

absl::Status BadFile(const char* flag, const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(flag, " ", path, ": ", why));
}

absl::StatusOr<std::string> ReadFile(const char* flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return BadFile(flag, path, absl::StrCat("cannot be read: ", strerror(errno)));
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) return BadFile(flag, path, "is empty or cannot be read");
  return text.str();
}

absl::Status Check(SSL_CTX* context, const TlsPaths& paths) {
  if (SSL_CTX_use_certificate_chain_file(context, paths.cert.c_str()) != 1) {
    return BadFile("--tls-cert", paths.cert,
                   absl::StrCat("is no certificate in PEM form (", OpenSslReason(), ")"));
  }
  // Loading a key for a certificate of another one fails too; it is told apart by the reason.
  if (SSL_CTX_use_PrivateKey_file(context, paths.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return BadFile("--tls-key", paths.key,
                   absl::StrCat("is not the private key of ", paths.cert, " (", OpenSslReason(),
                                "); it must be PEM without a passphrase"));
  }
  if (!paths.client_ca.empty() && SSL_CTX_load_verify_file(context, paths.client_ca.c_str()) != 1) {
    return BadFile("--tls-client-ca", paths.client_ca,
                   absl::StrCat("holds no certificate in PEM form (", OpenSslReason(), ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsFiles> ReadTlsFiles(const TlsPaths& paths) {
  TlsFiles files;
  const auto read = [](const char* flag, const std::string& path, std::string& into) {
    absl::StatusOr<std::string> text = ReadFile(flag, path);
    if (!text.ok()) return text.status();
    into = *std::move(text);
    return absl::OkStatus();
  };
  absl::Status status = read("--tls-cert", paths.cert, files.cert);
  status.Update(read("--tls-key", paths.key, files.key));
  if (!paths.client_ca.empty()) {
    status.Update(read("--tls-client-ca", paths.client_ca, files.client_ca));
  }
  if (!status.ok()) return status;
  const SslContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  // A key with a passphrase would otherwise ask for it on the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  status = Check(context.get(), paths);
  if (!status.ok()) return status;
  return files;
}

}  // namespace waitscope
