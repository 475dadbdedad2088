#include "jwt_auth.hpp"

#include <exception>

namespace mqttproxy::filters {

namespace {

using mqtt::ConnectReturnCode;
using pipeline::FilterResult;

FilterResult refuse(pipeline::Context& context, ConnectReturnCode code, std::string_view reason) noexcept {
  context.refuse(code, reason);
  return JwtAuth::kAuthFail;
}

}  // namespace

FilterResult JwtAuth::handle(pipeline::Context& context) noexcept {
  if (context.type != mqtt::PacketType::Connect) return pipeline::kSuccess;
  if (context.connect == nullptr) return refuse(context, ConnectReturnCode::BadUserNameOrPassword, "no token");
  const auto& token = options_.in_username ? context.connect->username : context.connect->password;
  if (!token) return refuse(context, ConnectReturnCode::BadUserNameOrPassword, "no token");
  try {
    return check(context, *token);
  } catch (const std::exception&) {  // out of memory
    return refuse(context, ConnectReturnCode::ServerUnavailable, "the token could not be checked");
  }
}

FilterResult JwtAuth::check(pipeline::Context& context, std::string_view token) {
  std::string_view problem;
  const std::optional<Jwt> jwt = parse_jwt(token, problem);
  if (!jwt) return refuse(context, ConnectReturnCode::BadUserNameOrPassword, problem);
  if (!options_.keys.verify(*jwt)) {
    return refuse(context, ConnectReturnCode::BadUserNameOrPassword, "the token is not signed with a key of ours");
  }
  switch (check_claims(jwt->encoded_claims, options_.claims, context.connect->username, now_(), problem)) {
    case ClaimVerdict::Good:
      return pipeline::kSuccess;
    case ClaimVerdict::NotAuthorized:
      return refuse(context, ConnectReturnCode::NotAuthorized, problem);
    case ClaimVerdict::Bad:
      break;
  }
  return refuse(context, ConnectReturnCode::BadUserNameOrPassword, problem);
}

}  // namespace mqttproxy::filters
