package dialect

import (
	"time"

	"github.com/labstack/echo/v4"

	"qrlatch/server/login"
)

// This file is the furniture of a chat that has no messages: clients refuse to call
// themselves logged in without it.

// wechatUser has exactly the fields that wechat-go copies by reflection: any other
// one makes it panic.
type wechatUser struct {
	Uin               int64
	UserName          string
	NickName          string
	HeadImgUrl        string //nolint:revive // the wire's spelling
	RemarkName        string
	PYInitial         string
	PYQuanPin         string
	RemarkPYInitial   string
	RemarkPYQuanPin   string
	HideInputBarFlag  int
	StarFriend        int
	Sex               int
	Signature         string
	AppAccountFlag    int
	VerifyFlag        int
	ContactFlag       int
	WebWxPluginSwitch int
	HeadImgFlag       int
	SnsFlag           int
}

type syncKey struct {
	Count int // equals len(List): openwechat indexes by it
	List  []keyVal
}

type keyVal struct{ Key, Val int }

func emptySyncKey() syncKey {
	list := []keyVal{{1, 1}, {2, 1}, {3, 1}, {1000, 1}}
	return syncKey{Count: len(list), List: list}
}

// init answers webwxinit. WeChat's own page sends it twice at once.
func (w *WeChat) init(c echo.Context) error {
	s, code := w.fromBody(c)
	var user wechatUser
	var held login.Credentials
	if code == retOK {
		var err error
		if held, err = w.Service.Credentials(s); err != nil {
			code = retBadSession
		} else {
			user = wechatUser{Uin: held.UIN, UserName: "@" + held.UVID, NickName: s.Profile.Name, SnsFlag: 1}
		}
	}
	return sayJSON(c, struct {
		BaseResponse        baseResponse
		Count               int
		ContactList         []struct{}
		SyncKey             syncKey
		User                wechatUser
		ChatSet             string
		SKey                string
		ClientVersion       int
		SystemTime          int64
		GrayScale           int
		InviteStartCount    int
		MPSubscribeMsgCount int
		MPSubscribeMsgList  []struct{}
		ClickReportInterval int
	}{
		BaseResponse: ret(code), ContactList: []struct{}{}, SyncKey: emptySyncKey(), User: user, SKey: held.Skey,
		SystemTime: time.Now().Unix(), MPSubscribeMsgList: []struct{}{}, ClickReportInterval: 600_000,
	})
}

// sync answers webwxsync: wechat-go calls it after every synccheck.
func (w *WeChat) sync(c echo.Context) error {
	_, code := w.fromBody(c)
	return sayJSON(c, struct {
		BaseResponse           baseResponse
		AddMsgCount            int
		AddMsgList             []struct{}
		ModContactCount        int
		ModContactList         []struct{}
		DelContactCount        int
		DelContactList         []struct{}
		ModChatRoomMemberCount int
		ModChatRoomMemberList  []struct{}
		ContinueFlag           int
		SyncKey                syncKey
		SyncCheckKey           syncKey
		SKey                   string
	}{
		BaseResponse: ret(code), AddMsgList: []struct{}{}, ModContactList: []struct{}{}, DelContactList: []struct{}{},
		ModChatRoomMemberList: []struct{}{}, SyncKey: emptySyncKey(), SyncCheckKey: emptySyncKey(),
	})
}

// contacts answers webwxgetcontact, without which ItChat and others never get ready.
func (w *WeChat) contacts(c echo.Context) error {
	_, code := w.fromParameters(c)
	return sayJSON(c, struct {
		BaseResponse baseResponse
		MemberCount  int
		MemberList   []struct{}
		Seq          int
	}{BaseResponse: ret(code), MemberList: []struct{}{}})
}
