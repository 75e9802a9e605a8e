# An agent's event handler: writes down what it is told, and answers the query `status`.
input=$(cat)
case $SERF_EVENT in
user) printf 'user\t%s\t%s\t%s\n' "$SERF_USER_EVENT" "$SERF_USER_LTIME" "$input" >>"$HEARD" ;;
query)
    printf 'query\t%s\t%s\t%s\n' "$SERF_QUERY_NAME" "$SERF_QUERY_LTIME" "$input" >>"$HEARD"
    if [ "$SERF_QUERY_NAME" = status ]; then
        printf '%s heard %s' "$SERF_SELF_NAME" "$input"
    fi
    ;;
*) printf '%s\n' "$input" | sed "s/^/$SERF_EVENT	/" >>"$HEARD" ;;
esac
